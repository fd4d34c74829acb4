"""Pullers make the clips of warm runs, in parallel over the whole cluster.

In django-q2 tasks or at the command line, they take one item at a time, and only while they hold one of the
cluster's slots: TTS_WARM_CONCURRENCY claims that live as long as their process does. An item whose puller
died is free again as soon as that puller's slot has run out.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from django.db import connections, transaction
from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

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
from ttscache.models import Claim, WarmItem, WarmRun
from ttscache.prices import most_usd
from ttscache.warming import pause, settle
from ttscache.wiring import speech_cache

MAX_ATTEMPTS = 3  # of a puller that dies over an item; the provider's own failures are retried by the cache
_turn = threading.Lock()  # lanes of one process that look at once would find the same item
PULL_SECONDS = 45.0  # and then the time that the last clip takes; the task's timeout allows for it


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
                with _turn:
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
    """Queued items, and those whose puller is gone; the faster lane first."""
    alive = Claim.objects.filter(owner=OuterRef("owner"), until__gt=Now())
    items = WarmItem.objects.filter(run__in=runs) if runs else WarmItem.objects.all()
    return (
        items.filter(run__state__in=[WarmRun.State.QUEUED, WarmRun.State.RUNNING])
        .filter(Q(state=WarmItem.State.QUEUED) | Q(state=WarmItem.State.MAKING) & ~Exists(alive))
        .order_by("lane", "run__created_at", "position")
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
            if item.run.state == WarmRun.State.QUEUED:
                WarmRun.objects.filter(pk=item.run_id, state=WarmRun.State.QUEUED).update(
                    state=WarmRun.State.RUNNING, started_at=timezone.now()
                )
            return item


def _make(cache: SpeechCache, item: WarmItem) -> bool:
    """Whether it is worth going on with the next item."""
    clip = item.clip
    try:
        # A slot stands for one provider call at a time. Whoever records looks once more before he pays.
        find_or_record = cache.play if clip.is_ready else cache.record
        found = find_or_record(clip.request, clip.content_type, parts_at_once=1)
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
            pause(item.run, WarmRun.Pause.BUDGET)
    except SpeechError as error:
        _finish(item, WarmItem.State.FAILED, str(error.args[0]))
    return True


def _put_back(item: WarmItem) -> None:
    """The item waits for better days, and this does not count as an attempt."""
    WarmItem.objects.filter(pk=item.pk, owner=item.owner, state=WarmItem.State.MAKING).update(
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


def _finish(item: WarmItem, state: WarmItem.State, reason: str = "") -> None:
    """Close the item, unless another puller took it over meanwhile."""
    with transaction.atomic():
        WarmItem.objects.filter(pk=item.pk, owner=item.owner).update(
            state=state, reason=reason[:200], finished_at=timezone.now()
        )
        settle(item.run)
