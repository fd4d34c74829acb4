"""The daily upkeep of the database: roll up old counts, and delete rows that nobody needs any more.

Staff pages call a prune a clean-up; this is another job, and deletes no clip.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib.sessions.models import Session
from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models import Exists, Model, OuterRef, QuerySet
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

logger = logging.getLogger(__name__)

SUCCESSES_KEPT = timedelta(days=7)
FAILURES_KEPT = timedelta(days=30)
# Processes read them every few seconds; one that was stopped for longer compares all its files instead.
INVALIDATIONS_KEPT = timedelta(days=7)
REPLACED_KEPT = timedelta(days=30)  # twice as long as growth looks back
BATCHES_KEPT = timedelta(days=30)  # far longer than any process retries a flush
RUNS_KEPT = timedelta(days=30)
TOKEN_DAYS_KEPT = timedelta(days=90)
BATCH = 500


def do_upkeep() -> None:
    """Do the daily steps. Each can be cut off, and is done again tomorrow. Raises Error.

    A step that fails holds up no other one; the first error is raised after the last step.
    """
    errors: list[Exception] = []
    for step in _STEPS:
        try:
            step()
        except (OperationalError, InterfaceError):
            raise  # an outage, which would fail all other steps as well
        except Exception as error:
            logger.exception("One daily step failed; the others are done.")
            errors.append(error)
    if errors:
        raise errors[0]


def _forget_days_of_removed_clips() -> None:
    """Their requests stay in Usage, and the hash says nothing any more."""
    on_record = Clip.objects.filter(content_hash=OuterRef("content_hash"))
    old = DailyRequests.objects.filter(day__lt=first_day_kept(start_of_day(timezone.now())))
    old.filter(~Exists(on_record)).delete()


def _forget_what_has_expired() -> None:
    _delete(Pin.objects.filter(until__lt=Now()))
    _delete(Session.objects.filter(expire_date__lt=Now()))
    _delete(Replaced.objects.filter(replaced_at__lt=Now() - REPLACED_KEPT))
    _delete(Invalidation.objects.filter(removed_at__lt=Now() - INVALIDATIONS_KEPT))
    FlushedBatch.objects.filter(flushed_at__lt=Now() - BATCHES_KEPT).delete()
    ApiTokenDay.objects.filter(day__lt=(timezone.now() - TOKEN_DAYS_KEPT).date()).delete()
    Success.objects.filter(stopped__lt=Now() - SUCCESSES_KEPT).delete()
    Failure.objects.filter(stopped__lt=Now() - FAILURES_KEPT).delete()


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
    """Delete in batches, so that the database can serve listeners in between.

    A row to which another program's table refers stays, and keeps no other row from going.
    """
    held: list[Any] = []
    model, ascending = rows.model, rows.order_by("pk").values_list("pk", flat=True)
    page = list(ascending[:BATCH])
    while page:
        try:
            with transaction.atomic():
                model._default_manager.filter(pk__in=page).delete()
        except IntegrityError:
            held += [pk for pk in page if not _is_gone(model, pk)]
        page = list(ascending.filter(pk__gt=page[-1])[:BATCH])
    if held:
        logger.warning(
            "%d old rows of %s stay: another table refers to them.", len(held), rows.model._meta.db_table
        )


def _is_gone(model: type[Model], pk: Any) -> bool:
    try:
        with transaction.atomic():
            model._default_manager.filter(pk=pk).delete()
    except IntegrityError:
        return False
    return True


def _forget_the_dead() -> None:
    hosts.forget_the_dead()  # also deletes leases of dead processes and expired cooldowns


def _do_upkeep_above() -> None:
    hooks.installed().do_upkeep()


_STEPS: tuple[Callable[[], object], ...] = (
    roll_up,
    _forget_days_of_removed_clips,
    forget_old_runs,
    remove_old_takes,
    _forget_what_has_expired,
    _forget_the_dead,
    _do_upkeep_above,
)
