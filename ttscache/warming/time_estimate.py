"""Estimates of how long clips take: before a run, during a run, and for the whole queue."""

from __future__ import annotations

import math
from typing import Any

from django.db.models import Count, F, Q, QuerySet
from django.utils import timezone

from ttscache.conf import conf
from ttscache.models import WarmItem, WarmRun

RUNS = 10
FIRST_SECONDS = 2.0  # assumed for a round until a run was measured


def seconds_to_make(clips: int) -> float:
    """Estimate a run before it starts, at the pace of the last runs. One query.

    A round makes TTS_WARM_CONCURRENCY clips at a time.
    """
    return _rounds(clips) * _seconds_a_round()


def seconds_left(run: WarmRun, ended: int, left: int) -> int | None:
    """Estimate a run at its pace since it started or resumed. None before its first clip, or if it is paused.

    `ended` counts the clips that ended since then; `left` counts those that are open.
    """
    if run.state not in WarmRun.ACTIVE:
        return 0
    if run.state == WarmRun.State.PAUSED or run.at_work_since is None or not ended:
        return None
    elapsed = (timezone.now() - run.at_work_since).total_seconds()
    return round(elapsed / ended * left)


def seconds_of_queue(waiting: int, seconds_a_clip: float) -> float:
    """Estimate the whole queue: clips x seconds a clip / clips made at once."""
    return waiting * seconds_a_clip / conf().warm_concurrency


def _seconds_a_round() -> float:
    made = Count("items", filter=Q(items__state=WarmItem.State.DONE))
    # Leave out runs that were paused: their duration does not show how long the clips took.
    ended = WarmRun.objects.filter(finished_at__isnull=False, at_work_since=F("started_at"))
    seconds = rounds = 0.0
    runs: QuerySet[Any] = ended.annotate(made=made).filter(made__gt=0).order_by("-finished_at")
    for run in runs[:RUNS]:
        seconds += (run.finished_at - run.started_at).total_seconds()
        rounds += _rounds(run.made)
    return seconds / rounds if rounds else FIRST_SECONDS


def _rounds(clips: int) -> int:
    return math.ceil(clips / conf().warm_concurrency)
