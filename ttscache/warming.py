"""Many clips made ahead: what a run would make, and a run's life until its end.

A run is a list of items in the database, each a clip with a lane, a state and a reason. `pulling` makes them.
"""

from __future__ import annotations

import logging
import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain

from django.db import IntegrityError, transaction
from django.db.models import Case, QuerySet, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone
from django_q.tasks import async_task

from ttscache import run_ends
from ttscache.accounting.budget import Budget
from ttscache.accounting.prices import list_price_usd, most_usd
from ttscache.models import Clip, Lane, WarmItem, WarmRun, in_batches
from ttscache.speech import SpeechRequest
from ttscache.tries import tried_out

logger = logging.getLogger(__name__)

FAILED_LATELY = timedelta(hours=1)
WAS_THERE = "Was there already."
CANCELLED = "The run was cancelled before its turn came."
CANCELLED_UNDER_WAY = "The run was cancelled while this was being made."


@dataclass(frozen=True, slots=True)
class Wanted:
    """A clip to make ahead."""

    speech: SpeechRequest
    content_type: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do, before anything is paid for. `is_again`: what is there is made once more."""

    clips: tuple[Clip, ...]
    is_again: bool = False

    @property
    def missing(self) -> list[Clip]:
        """What is to be made."""
        return [clip for clip in self.clips if self.is_again or not clip.is_ready]

    @property
    def characters(self) -> int:
        return sum(len(clip.content_text) for clip in self.missing)

    @property
    def cost_usd(self) -> float:
        return sum(list_price_usd(clip.model, len(clip.content_text)) for clip in self.missing)


# --- what there is to make --------------------------------------------------------------------------------
def plan(wanted: Iterable[Wanted], *, is_again: bool = False) -> Plan:
    """Which clips there are to make; nothing is written."""
    in_order = {item.speech.content_hash: item for item in wanted}
    known = _on_record(in_order)
    return Plan(
        tuple(
            known.get(content_hash) or Clip.of(item.speech, item.content_type)
            for content_hash, item in in_order.items()
        ),
        is_again,
    )


def record(wanted: Iterable[Wanted]) -> None:
    """Put on record what is new; in one order, so that two who do so do not wait for each other."""
    by_type: defaultdict[str, list[SpeechRequest]] = defaultdict(list)
    for item in wanted:
        by_type[item.content_type].append(item.speech)
    for content_type in sorted(by_type):
        Clip.objects.record_all(by_type[content_type], content_type)


def _on_record(content_hashes: Iterable[str]) -> dict[str, Clip]:
    return {
        clip.content_hash: clip
        for some in in_batches(list(content_hashes))
        for clip in Clip.objects.filter(content_hash__in=some).defer("waveform")
    }


# --- a run begins -----------------------------------------------------------------------------------------
def start_run(
    scope: str,
    wanted: Iterable[Wanted],
    *,
    lane: Lane = Lane.SCHEDULED,
    asked_by: str = "",
    is_again: bool = False,
    by_itself: bool = False,
) -> WarmRun:
    """Queue what is missing, in the run of this scope that is under way or in a new one.

    `is_again`: what is there is made once more; it plays until then, and stays where that fails. Where
    nothing is missing it is the last run of this scope that ended well; where there was none, one that is
    done at once. In a run that is joined the clips change to the faster lane of the two. What failed lately
    is not tried again for listeners, however many they are, and what failed MOST_TRIES times not before
    staff ask: it may cost each time. `by_itself`: nobody of the staff has asked for it. Work starts when
    the transaction is committed.
    """
    listed = list(wanted)
    by_itself = by_itself or lane == Lane.PREFETCH
    try:
        with transaction.atomic():
            run = WarmRun.objects.active().select_for_update().filter(scope=scope).first()
            Clip.objects.keep_from_prune(item.speech.content_hash for item in listed)
            record(listed)
            planned = plan(listed, is_again=is_again)
            failed = _left_alone(planned.missing, lane) if by_itself else frozenset()
            if run is None and all(clip.pk in failed for clip in planned.missing):
                # It may have ended a moment ago, between somebody's look at the clips and this one.
                ended = (WarmRun.State.DONE, *([WarmRun.State.FAILED] if failed else []))
                run = WarmRun.objects.filter(scope=scope, state__in=ended).first()
                if run is not None:
                    return run
            planned = replace(planned, clips=tuple(clip for clip in planned.clips if clip.pk not in failed))
            run = run or WarmRun.objects.create(scope=scope, asked_by=asked_by)
            added = _add_items(run, planned, lane, by_itself=by_itself)
            settle(run)
    except IntegrityError:
        # Somebody else started this scope in the same moment: this time it is there to join.
        return start_run(scope, listed, lane=lane, asked_by=asked_by, is_again=is_again, by_itself=by_itself)
    run.refresh_from_db()
    if added:
        logger.info("Warming %s: %s (%s)", scope, _described(added), asked_by or "not said who asked")
        call_pullers_on_commit()
    return run


def start_by_itself(scope: str, wanted: Iterable[Wanted], *, asked_by: str) -> None:
    """The same where nobody of the staff has asked: nothing where all that is missing waits for them to."""
    listed = list(wanted)
    missing = plan(listed).missing
    if len(tried_out(missing)) < len(missing):
        start_run(scope, listed, asked_by=asked_by, by_itself=True)


def hurry(scope: str, wanted: Iterable[Wanted], *, asked_by: str = "") -> None:
    """Have these made before all that is only scheduled, in whatever run they wait; the rest in this scope's.

    Nothing is written where nothing is missing.
    """
    listed = list(wanted)
    clips = plan(listed).missing
    failed = _left_alone(clips, Lane.PREFETCH)
    missing = {clip.content_hash for clip in clips if clip.pk not in failed}
    waiting = [item for some in in_batches(sorted(missing)) for item in _open_items(some)]
    slow = [item for item in waiting if item.lane > Lane.PREFETCH]
    if slow:
        with transaction.atomic():
            _lock_runs(item.run_id for item in slow)
            for some in in_batches([item.pk for item in slow]):
                WarmItem.objects.filter(pk__in=some).update(lane=Lane.PREFETCH)
    missing -= {item.clip.content_hash for item in waiting}
    if missing:
        rest = [item for item in listed if item.speech.content_hash in missing]
        start_run(scope, rest, lane=Lane.PREFETCH, asked_by=asked_by)


def _open_items(content_hashes: Sequence[str]) -> QuerySet[WarmItem]:
    return WarmItem.objects.filter(
        run__in=WarmRun.objects.active(), clip__content_hash__in=content_hashes, state__in=WarmItem.OPEN
    ).select_related("clip")


def _left_alone(clips: Sequence[Clip], lane: Lane) -> frozenset[uuid.UUID]:
    """Those of the clips that are not tried again just now, unless staff ask."""
    often = tried_out(clips)
    return often | _failed_lately(clips) if lane == Lane.PREFETCH else often


def _failed_lately(clips: Iterable[Clip]) -> frozenset[uuid.UUID]:
    """Those of the clips that a run failed to make, in the last hour."""
    failed = WarmItem.objects.filter(
        state=WarmItem.State.FAILED, finished_at__gt=timezone.now() - FAILED_LATELY
    ).order_by()
    found = (
        failed.filter(clip__pk__in=some).values_list("clip", flat=True)
        for some in in_batches([clip.pk for clip in clips])
    )
    return frozenset(chain.from_iterable(found))


def _lock_runs(runs: Iterable[uuid.UUID]) -> None:
    """Whoever changes items of a run locks the run first, and of several runs in this order."""
    list(WarmRun.objects.filter(pk__in=set(runs)).order_by("pk").select_for_update())


def call_pullers() -> None:
    """Ask the cluster to work on what is queued; whoever comes calls for others."""
    async_task("ttscache.tasks.warm", task_name="warm clips", save=False)  # the run says how it went


def call_pullers_on_commit() -> None:
    transaction.on_commit(call_pullers)


def _add_items(run: WarmRun, planned: Plan, lane: Lane, *, by_itself: bool) -> list[WarmItem]:
    """Those that wait for their turn because of this: new ones, and what had failed. All are on record."""
    wanted = {clip.pk for clip in planned.clips}
    there = {item.clip_id: item for item in run.items.all()}
    known = [item for item in there.values() if item.clip_id in wanted]
    # Who asks again for what failed wants it tried again. By itself it has one try a run: they are counted.
    again = [item for item in known if item.state == WarmItem.State.FAILED and not by_itself]
    slow = [item for item in known if item.lane > lane]
    for some in in_batches([item.pk for item in again]):
        _queue_again(run.items.filter(pk__in=some))
    for some in in_batches([item.pk for item in slow]):
        run.items.filter(pk__in=some, state__in=WarmItem.OPEN).update(lane=lane)
    newer_than = timezone.now() if planned.is_again else None
    new = [
        _item_of(run, clip, lane, position, newer_than)
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
        cost_microusd=round(list_price_usd(clip.model, len(clip.content_text)) * 1e6),
    )


def _queue_again(items: QuerySet[WarmItem]) -> int:
    return items.update(state=WarmItem.State.QUEUED, owner="", attempts=0, reason="", finished_at=None)


def _described(items: Sequence[WarmItem]) -> str:
    characters = sum(item.characters for item in items)
    usd = sum(item.cost_microusd for item in items) / 1e6
    return f"{len(items)} clips, {characters} characters, {usd:.4f} USD"


# --- a run is held up, taken up, given up -----------------------------------------------------------------
def pause(run: WarmRun, because: WarmRun.Pause) -> bool:
    """Begin no further clip of it; those under way are finished. False where that changes nothing.

    What staff have paused stays so; what waits for money can be paused by staff as well.
    """
    active = WarmRun.objects.active().filter(pk=run.pk).exclude(paused_because=WarmRun.Pause.STAFF)
    if not active.exclude(paused_because=because).update(state=WarmRun.State.PAUSED, paused_because=because):
        return False
    logger.warning("Warming %s is paused: %s", run.scope, because.label)
    return True


def resume(run: WarmRun, **paused_as: WarmRun.Pause) -> bool:
    """Let it go on; False where it was not paused, or not `paused_because` of this."""
    paused = WarmRun.objects.filter(pk=run.pk, state=WarmRun.State.PAUSED, **paused_as)
    if not paused.update(state=WarmRun.State.QUEUED, paused_because=""):
        return False
    call_pullers_on_commit()
    return True


def resume_paused(budget: Budget) -> None:
    """Let runs go on that wait for money, once their next clip can be paid for: on the next day, or under a
    higher cap."""
    for run in WarmRun.objects.filter(state=WarmRun.State.PAUSED, paused_because=WarmRun.Pause.BUDGET):
        item = run.items.filter(state=WarmItem.State.QUEUED).select_related("clip").first()
        if item is None or budget.can_afford(most_usd(item.clip.request)):
            resume(run, paused_because=WarmRun.Pause.BUDGET)


@transaction.atomic
def cancel(run: WarmRun) -> bool:
    """Give it up; False where it had ended. A clip under way is paid for: it is finished and kept."""
    active = WarmRun.objects.active().filter(pk=run.pk)
    if not active.update(state=WarmRun.State.CANCELLED, paused_because="", finished_at=timezone.now()):
        return False
    # Whoever makes one of them still owns it, and will say so when it is done.
    under_way = When(state=WarmItem.State.MAKING, then=Value(CANCELLED_UNDER_WAY))
    run.items.filter(state__in=WarmItem.OPEN).update(
        state=WarmItem.State.CANCELLED,
        reason=Case(under_way, default=Value(CANCELLED)),
        finished_at=timezone.now(),
    )
    logger.info("Warming %s is cancelled.", run.scope)
    return True


def retry_failed(run: WarmRun, *, asked_by: str = "") -> WarmRun:
    """Try again what failed in it: in this run, or in the one of its scope that is under way by now."""
    try:
        with transaction.atomic():
            WarmRun.objects.select_for_update().get(pk=run.pk)
            failed = run.items.filter(state=WarmItem.State.FAILED)
            Clip.objects.keep_from_prune(failed.values_list("clip__content_hash", flat=True))
            if _queue_again(failed):
                WarmRun.objects.filter(pk=run.pk).exclude(state__in=WarmRun.ACTIVE).update(
                    state=WarmRun.State.QUEUED, finished_at=None
                )
                call_pullers_on_commit()
    except IntegrityError:
        failed = run.items.filter(state=WarmItem.State.FAILED).select_related("clip")
        wanted = [Wanted(item.clip.request, item.clip.content_type) for item in failed]
        is_again = any(item.newer_than is not None for item in failed)
        return start_run(run.scope, wanted, asked_by=asked_by, is_again=is_again)
    run.refresh_from_db()
    return run


def settle(run: WarmRun) -> None:
    """End the run once no item is open. The caller has locked it, so that nobody adds items meanwhile."""
    if run.items.filter(state__in=WarmItem.OPEN).exists():
        return
    has_failures = run.items.filter(state=WarmItem.State.FAILED).exists()
    state = WarmRun.State.FAILED if has_failures else WarmRun.State.DONE
    now = timezone.now()
    ended = WarmRun.objects.active().filter(pk=run.pk)
    if ended.update(state=state, paused_because="", started_at=Coalesce("started_at", now), finished_at=now):
        run_ends.tell_on_commit()
