"""How long people waited for sound, as their browsers report it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Sum

from ttscache.figures.histogram import Latency, percentile
from ttscache.figures.remembered import remembered
from ttscache.figures.scope import DAY, Scope
from ttscache.ledger import LATENCY_BUCKETS_MS
from ttscache.models import SoundStart
from ttscache.rollup import start_of_day

PAST_FRESH = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class TimeToSound:
    """Starts by bucket: from the press, or from when a clip starts by itself, to the event `playing`."""

    buckets: Counter[int]

    @property
    def starts(self) -> int:
        return self.buckets.total()

    @property
    def p50(self) -> Latency | None:
        return percentile(self.buckets, 0.50, LATENCY_BUCKETS_MS)

    @property
    def p95(self) -> Latency | None:
        return percentile(self.buckets, 0.95, LATENCY_BUCKETS_MS)


def time_to_sound(scope: Scope) -> TimeToSound:
    """The last two days are looked up each time, what is before them every ten minutes."""
    live = max(scope.since, start_of_day(scope.now) - DAY)
    buckets = _buckets(scope, live, None)
    if live > scope.since:
        name = f"sound:{scope.since:%Y%m%d%H}:{live:%Y%m%d}:{scope.voice}"
        past = remembered(name, lambda: _buckets(scope, scope.since, live), fresh=PAST_FRESH)
        buckets = buckets + past.found
    return TimeToSound(buckets)


def _buckets(scope: Scope, since: datetime, until: datetime | None) -> Counter[int]:
    within = {"hour__gte": since} | ({"hour__lt": until} if until else {}) | scope.by_voice
    rows = SoundStart.objects.filter(**within).order_by().values_list("latency_bucket")
    return Counter(dict(rows.annotate(number=Sum("starts"))))
