"""How long listeners waited for sound, as their browsers report it. Anyone can report anything."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.db.models import Sum

from ttscache.models import PlaybackStart
from ttscache.reports.cached import rows_in
from ttscache.reports.hit_rates import ByLatency
from ttscache.reports.scope import Scope


@dataclass(frozen=True)
class TimeToSound(ByLatency):
    """Starts by latency bucket: from the press, or from an automatic start, to the event `playing`."""

    buckets: Counter[int]

    @property
    def starts(self) -> int:
        return self.buckets.total()


def time_to_sound(scope: Scope) -> TimeToSound:
    buckets: Counter[int] = Counter()
    for bucket, starts in rows_in(scope, "sound", partial(_rows, scope)):
        buckets[bucket] += starts
    return TimeToSound(buckets)


def _rows(scope: Scope, since: datetime, until: datetime | None) -> list[Any]:
    """Rows of (bucket, starts)."""
    rows = PlaybackStart.objects.filter(**scope.within(since, until)).order_by().values_list("latency_bucket")
    return list(rows.annotate(number=Sum("starts")))
