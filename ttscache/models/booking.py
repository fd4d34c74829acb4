"""Books money in a row of a day, never more than a cap allows."""

from __future__ import annotations

from typing import Any

from django.db.models import F, QuerySet


def book(day: QuerySet[Any], usd: float, cap_usd: float) -> bool:
    """Add a price in US dollars to `microusd` of this one row. False if the sum would exceed the cap.

    One conditional UPDATE, so that two processes cannot both take the last money. Raises django.db.Error.
    """
    cap, price = round(cap_usd * 1e6), round(usd * 1e6)
    return bool(day.filter(microusd__lte=cap - price).update(microusd=F("microusd") + price))
