"""Many clips made ahead: what a run would make, and a run's life until its end.

A run is a list of items in the database, each a clip with a lane, a state and a reason. `pulling` makes them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone
from django_q.tasks import async_task

from ttscache import run_ends
from ttscache.budget import Budget
from ttscache.models import Clip, Lane, WarmItem, WarmRun
from ttscache.prices import list_price_usd, most_usd
from ttscache.speech import SpeechRequest

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A clip to make ahead."""

    speech: SpeechRequest
    content_type: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do, before anything is paid for."""

    clips: tuple[Clip, ...]

    @property
    def missing(self) -> list[Clip]:
        return [clip for clip in self.clips if not clip.is_ready]

    @property
    def characters(self) -> int:
        return sum(len(clip.content_text) for clip in self.missing)

    @property
    def cost_usd(self) -> float:
        return sum(list_price_usd(clip.model, len(clip.content_text)) for clip in self.missing)


# --- what there is to make --------------------------------------------------------------------------------
def plan(wanted: Iterable[Wanted]) -> Plan:
    """Which clips there are to make; nothing is written."""
    in_order = {item.speech.content_hash: item for item in wanted}
    known = {clip.content_hash: clip for clip in Clip.objects.filter(content_hash__in=in_order)}
    return Plan(
        tuple(
            known.get(content_hash) or Clip.of(item.speech, item.content_type)
            for content_hash, item in in_order.items()
        )
    )


# --- a run begins -----------------------------------------------------------------------------------------
def start_run(
    scope: str, wanted: Iterable[Wanted], *, lane: Lane = Lane.SCHEDULED, asked_by: str = ""
) -> WarmRun:
    """Queue what is missing, in the run of this scope that is under way or in a new one.

    Where nothing is missing it is the last run of this scope that ended well; where there was none, one that
    is done at once. In a run that is joined the clips change to the faster lane of the two. Work starts when
    the transaction is committed.
    """
    listed = list(wanted)
    try:
        with transaction.atomic():
            run = WarmRun.objects.active().select_for_update().filter(scope=scope).first()
            for content_type in {item.content_type for item in listed}:
                Clip.objects.record_all(
                    (item.speech for item in listed if item.content_type == content_type), content_type
                )
            planned = plan(listed)
            if run is None and not planned.missing:
                # It may have ended a moment ago, between somebody's look at the clips and this one.
                run = WarmRun.objects.filter(scope=scope, state=WarmRun.State.DONE).first()
                if run is not None:
                    return run
            run = run or WarmRun.objects.create(scope=scope, asked_by=asked_by)
            _add_items(run, planned, lane)
            settle(run)
    except IntegrityError:
        # Somebody else started this scope in the same moment: this time it is there to join.
        return start_run(scope, listed, lane=lane, asked_by=asked_by)
    run.refresh_from_db()
    if run.state == WarmRun.State.QUEUED:
        logger.info("Warming %s: %s", scope, _described(planned))
        call_pullers_on_commit()
    return run


def hurry(scope: str, wanted: Iterable[Wanted], *, asked_by: str = "") -> None:
    """Have these made before all that is only scheduled, in whatever run they wait; the rest in this scope's.

    Nothing is written where nothing is missing.
    """
    listed = list(wanted)
    missing = {clip.content_hash for clip in plan(listed).missing}
    if not missing:
        return
    waiting = WarmItem.objects.filter(
        run__in=WarmRun.objects.active(), clip__content_hash__in=missing, state__in=WarmItem.OPEN
    )
    waiting.filter(lane__gt=Lane.PREFETCH).update(lane=Lane.PREFETCH)
    missing -= set(waiting.values_list("clip__content_hash", flat=True))
    if missing:
        rest = [item for item in listed if item.speech.content_hash in missing]
        start_run(scope, rest, lane=Lane.PREFETCH, asked_by=asked_by)


def call_pullers() -> None:
    """Ask the cluster to work on what is queued."""
    async_task("ttscache.tasks.warm", task_name="warm clips", save=False)  # the run says how it went


def call_pullers_on_commit() -> None:
    transaction.on_commit(call_pullers)


def _add_items(run: WarmRun, planned: Plan, lane: Lane) -> None:
    known = {
        clip.content_hash: clip
        for clip in Clip.objects.filter(content_hash__in=[clip.content_hash for clip in planned.clips])
    }
    # Who asks again for what failed wants it tried again.
    _queue_again(run.items.filter(state=WarmItem.State.FAILED, clip__in=known.values()))
    run.items.filter(lane__gt=lane, state__in=WarmItem.OPEN, clip__in=known.values()).update(lane=lane)
    there = set(run.items.values_list("clip__content_hash", flat=True))
    WarmItem.objects.bulk_create(
        WarmItem(
            run=run,
            clip=known[clip.content_hash],
            lane=lane,
            position=position,
            state=WarmItem.State.SKIPPED if clip.is_ready else WarmItem.State.QUEUED,
            characters=len(clip.content_text),
            cost_microusd=round(list_price_usd(clip.model, len(clip.content_text)) * 1e6),
        )
        for position, clip in enumerate(planned.clips)
        if clip.content_hash not in there
    )


def _queue_again(items: QuerySet[WarmItem]) -> int:
    return items.update(state=WarmItem.State.QUEUED, owner="", attempts=0, reason="", finished_at=None)


def _described(planned: Plan) -> str:
    return f"{len(planned.missing)} clips, {planned.characters} characters, {planned.cost_usd:.4f} USD"


# --- a run is held up, taken up, given up -----------------------------------------------------------------
def pause(run: WarmRun, because: WarmRun.Pause) -> bool:
    """Begin no further clip of it; those under way are finished. False where it was not at work."""
    at_work = WarmRun.objects.filter(pk=run.pk, state__in=[WarmRun.State.QUEUED, WarmRun.State.RUNNING])
    if not at_work.update(state=WarmRun.State.PAUSED, paused_because=because):
        return False
    logger.warning("Warming %s is paused: %s", run.scope, because.label)
    return True


def resume(run: WarmRun) -> bool:
    """Let it go on; False where it was not paused."""
    paused = WarmRun.objects.filter(pk=run.pk, state=WarmRun.State.PAUSED)
    if not paused.update(state=WarmRun.State.RUNNING, paused_because=""):
        return False
    call_pullers_on_commit()
    return True


def resume_paused(budget: Budget) -> None:
    """Let runs go on that wait for money, once their next clip can be paid for: on the next day, or under a
    higher cap."""
    for run in WarmRun.objects.filter(state=WarmRun.State.PAUSED, paused_because=WarmRun.Pause.BUDGET):
        item = run.items.filter(state=WarmItem.State.QUEUED).select_related("clip").first()
        if item is None or budget.can_afford(most_usd(item.clip.request)):
            resume(run)


@transaction.atomic
def cancel(run: WarmRun) -> bool:
    """Give it up; False where it had ended. A clip under way is paid for: it is finished and kept."""
    active = WarmRun.objects.active().filter(pk=run.pk)
    if not active.update(state=WarmRun.State.CANCELLED, paused_because="", finished_at=timezone.now()):
        return False
    # Whoever makes one of them still owns it, and will say so when it is done.
    run.items.filter(state__in=WarmItem.OPEN).update(
        state=WarmItem.State.CANCELLED, finished_at=timezone.now()
    )
    logger.info("Warming %s is cancelled.", run.scope)
    return True


def retry_failed(run: WarmRun) -> WarmRun:
    """Try again what failed in it: in this run, or in the one of its scope that is under way by now."""
    try:
        with transaction.atomic():
            WarmRun.objects.select_for_update().get(pk=run.pk)
            if _queue_again(run.items.filter(state=WarmItem.State.FAILED)):
                WarmRun.objects.filter(pk=run.pk).exclude(state__in=WarmRun.ACTIVE).update(
                    state=WarmRun.State.QUEUED, finished_at=None
                )
                call_pullers_on_commit()
    except IntegrityError:
        failed = run.items.filter(state=WarmItem.State.FAILED).select_related("clip")
        return start_run(run.scope, [Wanted(item.clip.request, item.clip.content_type) for item in failed])
    run.refresh_from_db()
    return run


def settle(run: WarmRun) -> None:
    """End the run once no item is open; the lock keeps others from adding items meanwhile."""
    WarmRun.objects.select_for_update().filter(pk=run.pk).first()
    if run.items.filter(state__in=WarmItem.OPEN).exists():
        return
    has_failures = run.items.filter(state=WarmItem.State.FAILED).exists()
    state = WarmRun.State.FAILED if has_failures else WarmRun.State.DONE
    now = timezone.now()
    ended = WarmRun.objects.active().filter(pk=run.pk)
    if ended.update(state=state, paused_because="", started_at=Coalesce("started_at", now), finished_at=now):
        run_ends.tell_on_commit()
