"""All that was ever counted, in sums: what lies days back is added up now and then, the rest at each look.

So a year of figures is quick to read, and no process is behind another: a counter that fell back a little
would pass for one that began anew. What was made up for a demonstration is not in it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import models
from django.db.models import Sum
from django.utils import timezone

from ttscache.accounting.rollup import start_of_day
from ttscache.cache import SpeechCache
from ttscache.models import IS_REAL, SoundStart, Spending, Usage
from ttscache.wiring import speech_cache

SETTLED = timedelta(days=2)  # longer than any process waits with its counts, as a rule
SLOW_SECONDS, GOOD_SECONDS = 0.2, 3_600


class UsageSum(NamedTuple):
    content_type: str
    voice: str
    outcome: str
    latency_bucket: int
    requests: int
    characters: int
    audio_bytes: int
    worth_microusd: int
    warmed_hits: int


class SpendingSum(NamedTuple):
    content_type: str
    voice: str
    model: str
    outcome: str
    calls: int
    characters: int
    cost_microusd: int


class SoundStartSum(NamedTuple):
    content_type: str
    voice: str
    latency_bucket: int
    starts: int


class LifetimeTotals:
    """The sums of a table by its first dimensions. Calling it raises DatabaseError."""

    def __init__(self, model: type[models.Model], sums: Any, dimensions: int) -> None:
        self._rows = model._default_manager.filter(IS_REAL).order_by()
        self._sums = sums
        self._by, self._counts = sums._fields[:dimensions], sums._fields[dimensions:]
        self._lock = threading.Lock()
        self._settled: list[Any] = []
        self._known: tuple[SpeechCache, datetime] | None = None
        self._good_until = 0.0

    def __call__(self) -> Sequence[Any]:
        border = start_of_day(timezone.now()) - SETTLED
        with self._lock:
            known = speech_cache(), border
            if self._known != known or time.monotonic() >= self._good_until:
                began = time.monotonic()
                self._settled = self._added_up(hour__lt=border)
                self._known, is_slow = known, time.monotonic() - began > SLOW_SECONDS
                self._good_until = time.monotonic() + (GOOD_SECONDS if is_slow else 0)
            return [*self._settled, *self._added_up(hour__gte=border)]

    def _added_up(self, **when: datetime) -> list[Any]:
        sums = {f"sum_{name}": Sum(name) for name in self._counts}
        return [self._sums(*row) for row in self._rows.filter(**when).values_list(*self._by).annotate(**sums)]


usage = LifetimeTotals(Usage, UsageSum, 4)
spending = LifetimeTotals(Spending, SpendingSum, 4)
sound_starts = LifetimeTotals(SoundStart, SoundStartSum, 3)
