"""The daily clean-up: roll up old counts, and delete rows that nobody needs any more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django_q.models import Failure, Success

from ttscache import hooks
from ttscache.accounting.rollup import first_day_kept, roll_up, start_of_day
from ttscache.coordination import hosts
from ttscache.generation.refused_takes import remove_old_takes
from ttscache.maintenance import pruning
from ttscache.models import (
    ApiTokenDay,
    Clip,
    DailyRequests,
    FlushedBatch,
    Invalidation,
    Pin,
    PruneRun,
    Replaced,
    WarmItem,
    WarmRun,
    has_audio,
)

SUCCESSES_KEPT = timedelta(days=7)
FAILURES_KEPT = timedelta(days=30)
# Processes read them every few seconds; one that was stopped for longer compares all its files instead.
REMOVALS_KEPT = timedelta(days=7)
REPLACED_KEPT = timedelta(days=30)  # twice as long as growth looks back
BATCHES_KEPT = timedelta(days=30)  # far longer than any process retries a flush
RUNS_KEPT = timedelta(days=30)
TOKEN_DAYS_KEPT = timedelta(days=90)
BATCH = 500


def tidy() -> None:
    """Do the daily steps. Each can be cut off, and is done again tomorrow. Raises Error."""
    roll_up()
    # Old days of removed clips: their requests stay in Usage, and the hash says nothing any more.
    on_record = Clip.objects.filter(content_hash=OuterRef("content_hash"))
    old = DailyRequests.objects.filter(day__lt=first_day_kept(start_of_day(timezone.now())))
    old.filter(~Exists(on_record)).delete()
    forget_old_runs()
    remove_old_takes()
    _delete(Pin.objects.filter(until__lt=Now()))
    _delete(Session.objects.filter(expire_date__lt=Now()))
    _delete(Replaced.objects.filter(replaced_at__lt=Now() - REPLACED_KEPT))
    _delete(Invalidation.objects.filter(removed_at__lt=Now() - REMOVALS_KEPT))
    FlushedBatch.objects.filter(flushed_at__lt=Now() - BATCHES_KEPT).delete()
    ApiTokenDay.objects.filter(day__lt=(timezone.now() - TOKEN_DAYS_KEPT).date()).delete()
    Success.objects.filter(stopped__lt=Now() - SUCCESSES_KEPT).delete()
    Failure.objects.filter(stopped__lt=Now() - FAILURES_KEPT).delete()
    hosts.forget_the_dead()  # also deletes leases of dead processes and expired cooldowns
    hooks.installed().tidy_daily()


def forget_old_runs() -> None:
    """Delete runs that ended long ago, except those with a failed clip that is still missing.

    The retry limit counts the failed items of such a clip.
    """
    long_ago = timezone.now() - RUNS_KEPT
    failures = WarmItem.objects.filter(~has_audio("clip__"), run=OuterRef("pk"), state=WarmItem.State.FAILED)
    ended = WarmRun.objects.filter(finished_at__lt=long_ago).exclude(state__in=WarmRun.ACTIVE)
    ended = ended.exclude(Exists(failures))
    _delete(WarmItem.objects.filter(run__in=ended))
    _delete(ended)
    _delete(PruneRun.objects.filter(finished_at__lt=long_ago))
    pruning.discard_unconfirmed_plans()


def _delete(rows: QuerySet[Any]) -> None:
    """Delete in batches, so that the database can serve listeners in between."""
    while page := list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        rows.model._default_manager.filter(pk__in=page).delete()
