"""Merges old figures into fewer rows: hours become days, a clip's days become months. Sums do not change.

A day's figures are kept under its first hour, a month's under its first day. A count that arrives late finds
its row, or creates one that the next rollup merges.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import models, transaction
from django.db.models.functions import ExtractDay, ExtractHour
from django.utils import timezone

from ttscache.accounting.counters import (
    DAILY_REQUESTS,
    PLAYBACK_STARTS,
    SPENDING,
    USAGE,
    CounterTable,
    Key,
)
from ttscache.models import MOST_PARAMETERS

HOURS_KEPT = timedelta(days=90)
CLIP_DAYS_KEPT = timedelta(days=400)  # a year of figures, and the month in which it begins

Rows = models.QuerySet[Any]


def roll_up(now: datetime | None = None) -> None:
    """Merge rows that are old enough, a few hundred in each transaction.

    Safe to interrupt, to run on several hosts at once, and to run while other processes count. Raises
    django.db.Error; the rows merged until then stay merged.
    """
    today = start_of_day(now or timezone.now())
    for table in (USAGE, SPENDING, PLAYBACK_STARTS):
        old = table.model._default_manager.filter(hour__lt=today - HOURS_KEPT)
        loose = old.alias(of_day=ExtractHour("hour", tzinfo=UTC)).exclude(of_day=0)
        _put_together(table, loose, start_of_day)
    old = DAILY_REQUESTS.model._default_manager.filter(day__lt=first_day_kept(today))
    _put_together(DAILY_REQUESTS, old.alias(of_month=ExtractDay("day")).exclude(of_month=1), start_of_month)


def start_of_day(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def start_of_month(day: date) -> date:
    return day.replace(day=1)


def first_day_kept(today: datetime) -> date:
    """The first day with daily rows of a clip; earlier ones are merged into months."""
    return start_of_month((today - CLIP_DAYS_KEPT).date())


def is_whole_day(hour: datetime) -> bool:
    """Whether the row of this hour holds the figures of its whole day."""
    return hour == start_of_day(hour) < start_of_day(timezone.now()) - HOURS_KEPT


def _put_together(table: CounterTable, loose: Rows, start_of: Callable[[Any], Any]) -> None:
    last = 0
    while found := _put_some_together(table, loose.filter(pk__gt=last), start_of):
        last = found


@transaction.atomic
def _put_some_together(table: CounterTable, loose: Rows, start_of: Callable[[Any], Any]) -> int | None:
    """Merge some rows into the rows that stay, and delete them. Returns the last key, or None at the end."""
    # Skip locked rows: another process is adding to them, or another host is merging them.
    free = loose.order_by("pk").select_for_update(skip_locked=True)
    rows = list(free.values_list("pk", *table.key, *table.counts)[:MOST_PARAMETERS])
    sums: defaultdict[Key, list[int]] = defaultdict(lambda: [0] * len(table.counts))
    for _, when, *rest in rows:
        further, counts = rest[: len(table.key) - 1], rest[len(table.key) - 1 :]
        figures = sums[start_of(when), *further]
        figures[:] = map(sum, zip(figures, counts, strict=True))
    table.add(sums)
    table.model._default_manager.filter(pk__in=[row[0] for row in rows]).delete()
    return rows[-1][0] if rows else None
