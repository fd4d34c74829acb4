"""The life of a warm run, from its start to its end.

A run is a list of items in the database, each a clip with a lane, a state and a reason. `worker` makes them.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain

from django.db import IntegrityError, transaction
from django.db.models import Case, QuerySet, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone
from django_q.tasks import async_task

from ttscache import hooks
from ttscache.accounting.budget import Budget
from ttscache.accounting.prices import list_price_usd, most_usd
from ttscache.coordination.leases import end_cooldowns
from ttscache.models import Clip, Lane, WarmItem, WarmRun, in_batches
from ttscache.models.booking import microusd_of
from ttscache.renditions.retirement import gone_models
from ttscache.speech import ClipSpec
from ttscache.warming.plan import Plan, plan, record
from ttscache.warming.retry_limit import exhausted

logger = logging.getLogger(__name__)

FAILED_LATELY = timedelta(hours=1)
WAS_THERE = "It was already there."
CANCELLED = "The run was cancelled before its turn came."
CANCELLED_UNDER_WAY = "The run was cancelled while this was being made."


# --- a run begins -----------------------------------------------------------------------------------------
def start_run(
    scope: str,
    specs: Iterable[ClipSpec],
    *,
    name: str = "",
    lane: Lane = Lane.SCHEDULED,
    requested_by: str = "",
    remake: bool = False,
    automatic: bool = False,
) -> WarmRun:
    """Protect, record, plan and queue these clips: in the active run of this scope, or in a new one.

    `scope` is a key that survives a renaming of what it stands for. `name` is for people; a run that is
    joined takes the new name, and its clips move to the faster lane of the two.

    `remake` also makes clips that are ready: the old clip plays until then, and stays if that fails.
    `automatic` means that no staff member requested the run: it leaves out clips that failed MOST_TRIES
    times, because each try may cost, and in the prefetch lane also those that failed within the last hour.

    If nothing is missing, this returns the last run of the scope that ended well, or a new run that has
    already ended. Workers are called when the transaction is committed.
    """
    how = _How(
        name=name or scope,
        lane=lane,
        requested_by=requested_by,
        remake=remake,
        automatic=automatic or lane == Lane.PREFETCH,
    )
    run = _queue(scope, list(specs), how)
    assert run is not None
    return run


def queue_missing(
    scope: str, specs: Iterable[ClipSpec], *, name: str = "", requested_by: str = ""
) -> WarmRun | None:
    """Protect, record, plan and queue these clips. None, and no run, if every clip is ready."""
    return _queue(
        scope, list(specs), _How(name=name or scope, requested_by=requested_by, only_if_missing=True)
    )


def protect(specs: Iterable[ClipSpec]) -> None:
    """Touch the clips on record, so that no prune deletes them before their run is committed."""
    Clip.objects.protect(spec.speech.content_hash for spec in specs)


def start_automatic_run(
    scope: str, specs: Iterable[ClipSpec], *, name: str = "", requested_by: str
) -> WarmRun | None:
    """Start a run that no staff member requested. None if nothing is missing that may be tried now."""
    listed = list(specs)
    # The usual case, every hour for each voice: look first, without a lock and without writing.
    if not plan(listed).missing:
        return None
    how = _How(name=name or scope, requested_by=requested_by, automatic=True, only_if_missing=True)
    return _queue(scope, listed, how)


def prioritize(scope: str, specs: Iterable[ClipSpec], *, requested_by: str = "") -> None:
    """Move these clips ahead of scheduled ones, in any run where they wait.

    Missing clips that wait nowhere start in a run of this scope. If none is missing, nothing is written.
    """
    listed = list(specs)
    clips = plan(listed).missing
    failed = _left_out(clips, Lane.PREFETCH)
    missing = {clip.content_hash for clip in clips if clip.pk not in failed}
    waiting = [
        item
        for some in in_batches(sorted(missing))
        for item in WarmItem.objects.open().filter(clip__content_hash__in=some).select_related("clip")
    ]
    slow = [item for item in waiting if item.lane > Lane.PREFETCH]
    if slow:
        with transaction.atomic():
            # Lock the runs before their items change, always in this order: in another, two callers deadlock.
            runs = WarmRun.objects.filter(pk__in={item.run_id for item in slow})
            list(runs.order_by("pk").select_for_update())
            for some in in_batches([item.pk for item in slow]):
                WarmItem.objects.filter(pk__in=some).update(lane=Lane.PREFETCH)
    missing -= {item.clip.content_hash for item in waiting}
    if missing:
        rest = [spec for spec in listed if spec.speech.content_hash in missing]
        start_run(scope, rest, lane=Lane.PREFETCH, requested_by=requested_by)


@dataclass(frozen=True, kw_only=True, slots=True)
class _How:
    """How to queue clips; `start_run` and `queue_missing` explain the fields."""

    name: str
    lane: Lane = Lane.SCHEDULED
    requested_by: str = ""
    remake: bool = False
    automatic: bool = False
    only_if_missing: bool = False


def _queue(scope: str, specs: Sequence[ClipSpec], how: _How) -> WarmRun | None:
    try:
        with transaction.atomic():
            # Lock the active run first: its items may change only under this lock.
            run = WarmRun.objects.active().select_for_update().filter(scope=scope).first()
            # Touch before planning, or a prune could delete a clip that the plan counts as ready.
            protect(specs)
            record(specs)
            planned = plan(specs, remake=how.remake)
            left_out = _left_out(planned.missing, how.lane) if how.automatic else frozenset()
            planned = replace(planned, clips=tuple(clip for clip in planned.clips if clip.pk not in left_out))
            if how.only_if_missing and not planned.missing:
                return None
            if run is None and not planned.missing:
                # A run of this scope may have ended after the caller looked at the clips.
                ended = (WarmRun.State.DONE, *([WarmRun.State.FAILED] if left_out else []))
                last = WarmRun.objects.filter(scope=scope, state__in=ended).first()
                if last is not None:
                    return last
            run = run or WarmRun.objects.create(scope=scope, requested_by=how.requested_by)
            WarmRun.objects.filter(pk=run.pk).update(name=how.name)
            if not how.automatic:
                end_cooldowns(clip.content_hash for clip in planned.missing)
            added = _add_items(run, planned, how)
            settle(run)
    except IntegrityError:
        # Another process started this scope at the same moment: now there is a run to join.
        return _queue(scope, specs, how)
    run.refresh_from_db()
    if added:
        who = how.requested_by or "requester unknown"
        characters = sum(item.characters for item in added)
        usd = sum(item.cost_microusd for item in added) / 1e6
        says = "Warming %s: %d clips, %d characters, %.4f USD (%s)"
        logger.info(says, how.name, len(added), characters, usd, who)
        enqueue_worker_on_commit()
    return run


def _left_out(clips: Sequence[Clip], lane: Lane) -> frozenset[uuid.UUID]:
    """The clips that an automatic run leaves out now."""
    often = _not_tried(clips)
    return often | _failed_lately(clips) if lane == Lane.PREFETCH else often


def _not_tried(clips: Sequence[Clip]) -> frozenset[uuid.UUID]:
    """The clips that failed too often, and those whose model is gone."""
    if not clips:
        return frozenset()
    gone = gone_models()
    return exhausted(clips) | {clip.pk for clip in clips if clip.model in gone}


def _failed_lately(clips: Iterable[Clip]) -> frozenset[uuid.UUID]:
    failed = WarmItem.objects.filter(
        state=WarmItem.State.FAILED, finished_at__gt=timezone.now() - FAILED_LATELY
    ).order_by()
    found = (
        failed.filter(clip__pk__in=some).values_list("clip", flat=True)
        for some in in_batches([clip.pk for clip in clips])
    )
    return frozenset(chain.from_iterable(found))


def enqueue_worker() -> None:
    """Queue one task that makes clips. It enqueues the next one while there is work and a free slot."""
    # The result is not saved: the run itself records it.
    async_task("ttscache.tasks.make_queued_clips", task_name="warm clips", save=False)


def enqueue_worker_on_commit() -> None:
    transaction.on_commit(enqueue_worker)


def _add_items(run: WarmRun, planned: Plan, how: _How) -> list[WarmItem]:
    """Add these clips, all on record. Returns the items that now wait, including those that are retried."""
    planned_clips = {clip.pk for clip in planned.clips}
    there = {item.clip_id: item for item in run.items.all()}
    known = [item for item in there.values() if item.clip_id in planned_clips]
    # Staff who request a failed clip want it retried. Automatic runs try it once, as MOST_TRIES counts items.
    again = [item for item in known if item.state == WarmItem.State.FAILED and not how.automatic]
    slow = [item for item in known if item.lane > how.lane]
    for some in in_batches([item.pk for item in again]):
        _queue_again(run.items.filter(pk__in=some))
    for some in in_batches([item.pk for item in slow]):
        run.items.filter(pk__in=some, state__in=WarmItem.OPEN).update(lane=how.lane)
    newer_than = timezone.now() if planned.remake else None
    new = [
        _item_of(run, clip, how.lane, position, newer_than)
        for position, clip in enumerate(planned.clips)
        if clip.pk not in there
    ]
    WarmItem.objects.bulk_create(new)
    return again + [item for item in new if item.state == WarmItem.State.QUEUED]


def _item_of(run: WarmRun, clip: Clip, lane: Lane, position: int, newer_than: datetime | None) -> WarmItem:
    was_there = clip.is_ready and newer_than is None
    return WarmItem(
        run=run,
        clip=clip,
        lane=lane,
        position=position,
        state=WarmItem.State.SKIPPED if was_there else WarmItem.State.QUEUED,
        reason=WAS_THERE if was_there else "",
        newer_than=newer_than,
        characters=len(clip.content_text),
        cost_microusd=microusd_of(list_price_usd(clip.model, len(clip.content_text))),
    )


def _queue_again(items: QuerySet[WarmItem]) -> int:
    return items.update(state=WarmItem.State.QUEUED, owner="", attempts=0, reason="", finished_at=None)


# --- a run is paused, resumed, cancelled ------------------------------------------------------------------
def pause(run: WarmRun, because: WarmRun.Pause, *, by: str = "") -> bool:
    """Start no further clip of this run; clips under way are finished. False if that changes nothing.

    `by` is the name of the member of staff who paused it.

    A run that staff have paused keeps that reason. Staff can also pause a run that waits for the budget.
    """
    active = WarmRun.objects.active().filter(pk=run.pk).exclude(paused_because=WarmRun.Pause.STAFF)
    paused = {"state": WarmRun.State.PAUSED, "paused_because": because, "paused_by": by}
    if not active.exclude(paused_because=because).update(**paused):
        return False
    logger.warning("Warming %s is paused: %s", run.label, because.label)
    return True


def resume(run: WarmRun, **paused_as: WarmRun.Pause) -> bool:
    """Continue a paused run. False if it was not paused, or not for the given `paused_because`."""
    paused = WarmRun.objects.filter(pk=run.pk, state=WarmRun.State.PAUSED, **paused_as)
    if not paused.update(state=WarmRun.State.QUEUED, paused_because="", paused_by=""):
        return False
    enqueue_worker_on_commit()
    return True


def resume_paused(budget: Budget) -> None:
    """Resume runs that wait for the budget, once it covers their next clip."""
    for run in WarmRun.objects.filter(state=WarmRun.State.PAUSED, paused_because=WarmRun.Pause.BUDGET):
        item = run.items.filter(state=WarmItem.State.QUEUED).select_related("clip").first()
        # A call sets aside the most that it may cost, so that much must be left.
        if item is None or budget.can_afford(most_usd(item.clip.request)):
            resume(run, paused_because=WarmRun.Pause.BUDGET)


@transaction.atomic
def cancel(run: WarmRun) -> bool:
    """Cancel a run; False if it had ended. A clip under way is paid for, so it is finished and kept."""
    active = WarmRun.objects.active().filter(pk=run.pk)
    if not active.update(state=WarmRun.State.CANCELLED, paused_because="", finished_at=timezone.now()):
        return False
    # Keep the owner of items under way: their worker reports them when it is done.
    under_way = When(state=WarmItem.State.MAKING, then=Value(CANCELLED_UNDER_WAY))
    run.items.filter(state__in=WarmItem.OPEN).update(
        state=WarmItem.State.CANCELLED,
        reason=Case(under_way, default=Value(CANCELLED)),
        finished_at=timezone.now(),
    )
    logger.info("Warming %s is cancelled.", run.label)
    return True


def retry_failed(run: WarmRun, *, requested_by: str = "") -> WarmRun | None:
    """Retry the failed clips: in this run, or in the active run of its scope if there is another by now.

    None, and nothing is changed, if no clip is failed any more.
    """
    try:
        with transaction.atomic():
            WarmRun.objects.select_for_update().get(pk=run.pk)
            failed = run.items.filter(state=WarmItem.State.FAILED)
            content_hashes = list(failed.values_list("clip__content_hash", flat=True))
            Clip.objects.protect(content_hashes)
            end_cooldowns(content_hashes)
            if not _queue_again(failed):
                return None
            WarmRun.objects.filter(pk=run.pk).exclude(state__in=WarmRun.ACTIVE).update(
                state=WarmRun.State.QUEUED, finished_at=None
            )
            enqueue_worker_on_commit()
    except IntegrityError:
        # Another run of the scope is active, and there is only one: the failed clips join it.
        failed = run.items.filter(state=WarmItem.State.FAILED).select_related("clip")
        specs = [ClipSpec(item.clip.request, item.clip.content_type) for item in failed]
        remake = any(item.newer_than is not None for item in failed)
        return start_run(run.scope, specs, name=run.name, requested_by=requested_by, remake=remake)
    run.refresh_from_db()
    return run


def settle(run: WarmRun) -> None:
    """End the run if no item is open. The caller holds its lock, so that nobody adds items meanwhile."""
    if run.items.filter(state__in=WarmItem.OPEN).exists():
        return
    has_failures = run.items.filter(state=WarmItem.State.FAILED).exists()
    state = WarmRun.State.FAILED if has_failures else WarmRun.State.DONE
    now = timezone.now()
    ended = WarmRun.objects.active().filter(pk=run.pk)
    if ended.update(state=state, paused_because="", started_at=Coalesce("started_at", now), finished_at=now):
        # Robust: the run has ended, and an error in this hook must not stop the other callbacks.
        transaction.on_commit(hooks.installed().run_ended, robust=True)
