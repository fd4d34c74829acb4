"""Lifetime totals of all counts. Settled days are added up once in a while, later ones at each call.

That makes a year of figures quick to read. Prometheus reads a decrease as a reset, so all processes must
return the same totals.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from django.db import models
from django.db.models import Sum
from django.utils import timezone

from ttscache.accounting.rollup import start_of_day
from ttscache.adaptive_cache import Freshness, ProcessCache
from ttscache.models import PlaybackStart, Spending, Usage

SETTLED = timedelta(days=2)  # no process waits this long to write its counts, as a rule
FRESH = Freshness(times=20, at_least=timedelta(hours=1))  # for settled days


class UsageSum(NamedTuple):
    content_type: str
    voice: str
    outcome: str
    latency_bucket: int
    requests: int
    characters: int
    audio_bytes: int
    list_price_microusd: int
    warmed_hits: int


class SpendingSum(NamedTuple):
    content_type: str
    voice: str
    model: str
    outcome: str
    calls: int
    characters: int
    cost_microusd: int


class PlaybackStartSum(NamedTuple):
    content_type: str
    voice: str
    latency_bucket: int
    starts: int


class LifetimeTotals:
    """Sums over a table, grouped by the first fields of `sums`. Calling it raises Error."""

    def __init__(self, model: type[models.Model], sums: Any, dimensions: int) -> None:
        self._rows = model._default_manager.order_by()
        self._sums = sums
        self._by, self._counts = sums._fields[:dimensions], sums._fields[dimensions:]
        self._settled: ProcessCache[list[Any]] = ProcessCache(FRESH)

    def __call__(self) -> Sequence[Any]:
        border = start_of_day(timezone.now()) - SETTLED
        settled = self._settled.get(partial(self._added_up, hour__lt=border), subject=border)
        return [*settled, *self._added_up(hour__gte=border)]

    def _added_up(self, **when: datetime) -> list[Any]:
        sums = {f"sum_{name}": Sum(name) for name in self._counts}
        return [self._sums(*row) for row in self._rows.filter(**when).values_list(*self._by).annotate(**sums)]


usage = LifetimeTotals(Usage, UsageSum, 4)
spending = LifetimeTotals(Spending, SpendingSum, 4)
playback_starts = LifetimeTotals(PlaybackStart, PlaybackStartSum, 3)
