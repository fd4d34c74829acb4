"""Make many clips ahead, in parallel over the whole cluster.

A run is a list of items in the database. Pullers, in django-q2 tasks or at the command line, take one item at
a time, and only while they hold one of the cluster's slots: TTS_WARM_CONCURRENCY claims that live as long as
their process does. An item whose puller died is free again as soon as that puller's slot has run out.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from django.db import IntegrityError, connections, transaction
from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce, Now
from django.utils import timezone
from django_q.tasks import async_task

from ttscache.budget import Budget
from ttscache.cache import Hit, SpeechCache
from ttscache.claims import Held
from ttscache.conf import conf
from ttscache.errors import (
    BudgetExhausted,
    NotKept,
    ProviderUnavailable,
    SpeechError,
    StoreUnavailable,
    VoiceNotInUse,
)
from ttscache.models import Claim, Clip, WarmItem, WarmRun
from ttscache.prices import list_price_usd, most_usd
from ttscache.speech import SpeechRequest
from ttscache.wiring import speech_cache

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 3  # of a puller that dies over an item; the provider's own failures are retried by the cache
BUDGET_IS_SPENT = "Today's budget is spent; this goes on by itself once there is room again."
PULL_SECONDS = 45.0  # and then the time that the last clip takes; the task's timeout allows for it


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


def start_run(scope: str, wanted: Iterable[Wanted]) -> WarmRun:
    """Queue what is missing, in the run of this scope that is under way or in a new one.

    Where nothing is missing it is the last run of this scope that ended well; where there was none, one that
    is done at once. Work starts when the transaction is committed.
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
            run = run or WarmRun.objects.create(scope=scope)
            _add_items(run, planned)
            _settle(run)
    except IntegrityError:
        # Somebody else started this scope in the same moment: this time it is there to join.
        return start_run(scope, listed)
    run.refresh_from_db()
    if run.state == WarmRun.State.QUEUED:
        logger.info("Warming %s: %s", scope, _described(planned))
        transaction.on_commit(call_pullers)
    return run


def call_pullers() -> None:
    """Ask the cluster to work on what is queued."""
    async_task("ttscache.tasks.warm", task_name="warm clips", save=False)  # the run says how it went


def is_work_left() -> bool:
    """Whether there is an item that somebody could take."""
    return _takeable().exists()


def is_slot_free() -> bool:
    slots = [_slot(lane) for lane in range(conf().warm_concurrency)]
    return Claim.objects.filter(name__in=slots, until__gt=Now()).count() < len(slots)


def _slot(lane: int) -> str:
    return f"warm-slot:{lane}"


def pull(
    *,
    seconds: float = PULL_SECONDS,
    runs: Sequence[WarmRun] = (),
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Make queued clips, of these runs or of all, until none is left or the time is over.

    Several are made at once, as slots are free.
    """
    end = time.monotonic() + seconds
    lanes = conf().warm_concurrency
    with ThreadPoolExecutor(lanes, thread_name_prefix="warm") as pool:
        for done in [pool.submit(_pull_in_lane, lane, end, runs, should_stop) for lane in range(lanes)]:
            done.result()


def _pull_in_lane(lane: int, end: float, runs: Sequence[WarmRun], should_stop: Callable[[], bool]) -> None:
    cache = speech_cache()
    try:
        slot = cache.claims.take(_slot(lane))
        if slot is None:
            return  # another process works in this lane
        try:
            while time.monotonic() < end and not should_stop():
                item = _take(slot, runs)
                if item is None:
                    break
                if not _make(cache, item):
                    break
        finally:
            cache.claims.give_back(slot)
    finally:
        connections.close_all()


def _takeable(runs: Sequence[WarmRun] = ()) -> QuerySet[WarmItem]:
    """Queued items, and those whose puller is gone."""
    alive = Claim.objects.filter(owner=OuterRef("owner"), until__gt=Now())
    items = WarmItem.objects.filter(run__in=runs) if runs else WarmItem.objects.all()
    return (
        items.filter(run__state__in=[WarmRun.State.QUEUED, WarmRun.State.RUNNING])
        .filter(Q(state=WarmItem.State.QUEUED) | Q(state=WarmItem.State.MAKING) & ~Exists(alive))
        .order_by("run__created_at", "position")
    )


def _take(slot: Held, runs: Sequence[WarmRun]) -> WarmItem | None:
    """The next item, now ours. Two pullers may see the same one; the row count says who has it."""
    while True:
        item = _takeable(runs).select_related("clip", "run").first()
        if item is None:
            return None
        if item.attempts >= MAX_ATTEMPTS:
            _finish(item, WarmItem.State.FAILED, "Making it ended its process again and again.")
            continue
        taken = WarmItem.objects.filter(
            pk=item.pk, state=item.state, owner=item.owner, attempts=item.attempts
        ).update(state=WarmItem.State.MAKING, owner=slot.owner, attempts=F("attempts") + 1)
        if taken:
            item.owner = slot.owner
            WarmRun.objects.filter(pk=item.run_id, state=WarmRun.State.QUEUED).update(
                state=WarmRun.State.RUNNING, started_at=timezone.now()
            )
            return item


def _make(cache: SpeechCache, item: WarmItem) -> bool:
    """Whether it is worth going on with the next item."""
    clip = item.clip
    try:
        # A slot stands for one provider call at a time.
        found = cache.play(clip.request, clip.content_type, parts_at_once=1)
        if isinstance(found, Hit):
            _finish(item, WarmItem.State.SKIPPED)
            return True
        connections.close_all()  # the voice takes seconds
        found.recording.whole()
        is_ours = found.outcome == "generated"
        _finish(item, WarmItem.State.DONE if is_ours else WarmItem.State.SKIPPED)
    except (VoiceNotInUse, NotKept) as error:
        _finish(item, WarmItem.State.FAILED, str(error.args[0]))
    except (ProviderUnavailable, StoreUnavailable):
        _put_back(item)  # a matter of the provider or the database, not of this clip
        return False
    except BudgetExhausted:
        _put_back(item)
        if not (_is_beyond_any_day(cache, item) and _postpone(cache, item)):
            _pause(item.run, BUDGET_IS_SPENT)
    except SpeechError as error:
        _finish(item, WarmItem.State.FAILED, str(error.args[0]))
    return True


def _put_back(item: WarmItem) -> None:
    """The item waits for better days, and this does not count as an attempt."""
    WarmItem.objects.filter(pk=item.pk, owner=item.owner).update(
        state=WarmItem.State.QUEUED, owner="", attempts=F("attempts") - 1
    )


def _is_beyond_any_day(cache: SpeechCache, item: WarmItem) -> bool:
    return cache.speaker.budget.is_beyond(most_usd(item.clip.request))


def _postpone(cache: SpeechCache, item: WarmItem) -> bool:
    """Let the others go first; False where there are none that a day's budget can pay."""
    others = item.run.items.filter(state=WarmItem.State.QUEUED).exclude(pk=item.pk).select_related("clip")
    if all(_is_beyond_any_day(cache, other) for other in others):
        return False
    last = item.run.items.aggregate(last=Max("position"))["last"]
    WarmItem.objects.filter(pk=item.pk).update(position=last + 1)
    return True


def _pause(run: WarmRun, reason: str) -> None:
    """Until the budget has room again: `resume_paused` looks."""
    paused = WarmRun.objects.filter(pk=run.pk, state__in=[WarmRun.State.QUEUED, WarmRun.State.RUNNING])
    if paused.update(state=WarmRun.State.PAUSED, paused_because=reason):
        logger.warning("Warming %s is paused: %s", run.scope, reason)


def resume_paused(budget: Budget) -> None:
    """Let runs go on whose next clip can be paid for again: on the next day, or under a higher cap."""
    for run in WarmRun.objects.filter(state=WarmRun.State.PAUSED):
        item = run.items.filter(state=WarmItem.State.QUEUED).select_related("clip").first()
        if item is None or budget.can_afford(most_usd(item.clip.request)):
            WarmRun.objects.filter(pk=run.pk, state=WarmRun.State.PAUSED).update(
                state=WarmRun.State.RUNNING, paused_because=""
            )


def _finish(item: WarmItem, state: WarmItem.State, reason: str = "") -> None:
    """Close the item, unless another puller took it over meanwhile."""
    with transaction.atomic():
        WarmItem.objects.filter(pk=item.pk, owner=item.owner).update(
            state=state, reason=reason[:200], finished_at=timezone.now()
        )
        _settle(item.run)


def _settle(run: WarmRun) -> None:
    """End the run once no item is open; the lock keeps others from adding items meanwhile."""
    WarmRun.objects.select_for_update().filter(pk=run.pk).first()
    if run.items.filter(state__in=[WarmItem.State.QUEUED, WarmItem.State.MAKING]).exists():
        return
    has_failures = run.items.filter(state=WarmItem.State.FAILED).exists()
    state = WarmRun.State.FAILED if has_failures else WarmRun.State.DONE
    now = timezone.now()
    WarmRun.objects.active().filter(pk=run.pk).update(
        state=state, started_at=Coalesce("started_at", now), finished_at=now
    )


def _add_items(run: WarmRun, planned: Plan) -> None:
    known = {
        clip.content_hash: clip
        for clip in Clip.objects.filter(content_hash__in=[clip.content_hash for clip in planned.clips])
    }
    # Who asks again for what failed wants it tried again.
    run.items.filter(state=WarmItem.State.FAILED, clip__in=known.values()).update(
        state=WarmItem.State.QUEUED, owner="", attempts=0, reason="", finished_at=None
    )
    there = set(run.items.values_list("clip__content_hash", flat=True))
    WarmItem.objects.bulk_create(
        WarmItem(
            run=run,
            clip=known[clip.content_hash],
            position=position,
            state=WarmItem.State.SKIPPED if clip.is_ready else WarmItem.State.QUEUED,
            characters=len(clip.content_text),
            cost_microusd=round(list_price_usd(clip.model, len(clip.content_text)) * 1e6),
        )
        for position, clip in enumerate(planned.clips)
        if clip.content_hash not in there
    )


def _described(planned: Plan) -> str:
    return f"{len(planned.missing)} clips, {planned.characters} characters, {planned.cost_usd:.4f} USD"
