"""How long it takes until clips are made, by the runs of late."""

from __future__ import annotations

import math
from typing import Any

from django.db.models import Count, F, Q, QuerySet

from ttscache.conf import conf
from ttscache.models import WarmItem, WarmRun

RUNS = 10
FIRST_SECONDS = 2.0  # a round takes, before anything was measured


def seconds_to_make(clips: int) -> float:
    """Rounds of as many clips as are made at once, times what a round took in the last runs. One query."""
    return _rounds(clips) * _seconds_a_round()


def _seconds_a_round() -> float:
    made = Count("items", filter=Q(items__state=WarmItem.State.DONE))
    # A run that was held up says nothing about how long its clips took.
    ended = WarmRun.objects.filter(finished_at__isnull=False, at_work_since=F("started_at"))
    seconds = rounds = 0.0
    runs: QuerySet[Any] = ended.annotate(made=made).filter(made__gt=0).order_by("-finished_at")
    for run in runs[:RUNS]:
        seconds += (run.finished_at - run.started_at).total_seconds()
        rounds += _rounds(run.made)
    return seconds / rounds if rounds else FIRST_SECONDS


def _rounds(clips: int) -> int:
    return math.ceil(clips / conf().warm_concurrency)
