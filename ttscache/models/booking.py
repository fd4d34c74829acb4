"""Books money in a row of a day, never more than a cap allows."""

from __future__ import annotations

from typing import Any

from django.db.models import F, QuerySet


def book(day: QuerySet[Any], microusd: int, cap_microusd: int, *, column: str = "microusd") -> bool:
    """Add a price in millionths of a US dollar to this one row. False if the sum would exceed the cap.

    One conditional UPDATE, so that two processes cannot both take the last money. Raises django.db.Error.
    """
    affordable = day.filter(**{f"{column}__lte": cap_microusd - microusd})
    return bool(affordable.update(**{column: F(column) + microusd}))


def microusd_of(usd: float) -> int:
    """US dollars as whole millionths, the unit of every column that counts money."""
    return round(usd * 1e6)
