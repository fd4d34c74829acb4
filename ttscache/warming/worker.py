"""Workers make the clips of warm runs, in parallel over the whole cluster.

They run in django-q2 tasks or at the command line. A worker takes one item at a time, and only while it holds
one of the cluster's slots: TTS_WARM_CONCURRENCY leases that end with their process. The item of a dead worker
is free again once that worker's slot has run out. Lock a run before changing its items.

When the provider asks to come back later, no worker on any host takes an item until then. A listener's
request is still tried.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from itertools import islice

from django.db import connections, transaction
from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from ttscache.accounting.prices import most_usd
from ttscache.cache import GenerationJob, Hit, SpeechCache
from ttscache.conf import conf
from ttscache.connections import OrmThreadPool
from ttscache.coordination.hosts import hosts_at_work, this_host
from ttscache.coordination.leases import Cooldown, HeldLease
from ttscache.errors import (
    BudgetExhausted,
    Busy,
    ModelRetired,
    NotKept,
    ProviderError,
    ProviderUnavailable,
    Reworded,
    SpeechError,
    StoreUnavailable,
    VoiceNotInUse,
)
from ttscache.models import ContentType, Lease, Pin, WarmItem, WarmRun
from ttscache.renditions.irreplaceable import cannot_be_made_again
from ttscache.warming.runs import WAS_THERE, pause, settle
from ttscache.wiring import speech_cache

MAX_ATTEMPTS = 3  # for items whose worker dies; the cache retries the provider's own failures
WORK_SECONDS = 45.0  # plus the time of the last clip, for which the task's timeout leaves room
HAND_ON_SECONDS = 0.5  # the clusters of other hosts look for tasks every 0.1 s
OTHER_WORDS = "The voice said other words"
MODEL_RETIRED = "It cannot be made again: the voice service has switched its model off."
MADE_BY_ANOTHER = "It was already being made for another request."
AT_WORK = (WarmRun.State.QUEUED, WarmRun.State.RUNNING)
WAITS = "Waits: "  # begins the reason of an item that was put back
RATE_LIMIT = "warm-cooldown"  # while it lasts, no worker on any host takes an item
COOLDOWN_SECONDS = 5.0  # unless the provider asks for longer
LONGEST_COOLDOWN_SECONDS = 3600.0

_turn = threading.Lock()  # threads of one process that look at the same moment would find the same item


# --- whether there is work --------------------------------------------------------------------------------
def is_work_left() -> bool:
    """Whether there is an item that a worker could take."""
    return _takeable().exists()


def is_slot_free() -> bool:
    slots = _slots()
    return Lease.objects.filter(name__in=slots, until__gt=Now()).count() < len(slots)


def is_cooling_down() -> bool:
    """Whether the provider has asked to come back later."""
    return bool(Cooldown(speech_cache().leases, RATE_LIMIT).active_reason())


def _slots() -> list[str]:
    return [f"warm-slot:{number}" for number in range(conf().warm_concurrency)]


# --- at work ----------------------------------------------------------------------------------------------
def work(
    *,
    seconds: float = WORK_SECONDS,
    runs: Sequence[WarmRun] = (),
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Make queued clips, of these runs or of all, until none is left or `seconds` are over.

    It makes as many at once as slots are free.
    """
    _work_in(_free_slots(conf().warm_concurrency), seconds, runs, should_stop)


def work_share(
    *, should_stop: Callable[[], bool] = lambda: False, when_begun: Callable[[], None] = lambda: None
) -> None:
    """Make queued clips with this host's share of the slots, so that work is spread over all hosts.

    `when_begun` is called once the slots are taken, to call other hosts. If this host already has its share,
    it leaves the work to the next one.
    """
    slots = _share_of_slots()
    if slots:
        _work_in(slots, WORK_SECONDS, (), should_stop, when_begun)
    elif is_slot_free():
        time.sleep(HAND_ON_SECONDS)  # otherwise this host would take the next task too


def _work_in(
    slots: Sequence[HeldLease],
    seconds: float,
    runs: Sequence[WarmRun],
    should_stop: Callable[[], bool],
    when_begun: Callable[[], None] = lambda: None,
) -> None:
    end = time.monotonic() + seconds
    with OrmThreadPool(len(slots) or 1, thread_name_prefix="warm") as pool:
        at_work = [pool.submit(_work_slot, slot, end, runs, should_stop) for slot in slots]
        when_begun()
        connections.close_all()  # the voice takes seconds
        for done in at_work:
            done.result()


def _share_of_slots() -> list[HeldLease]:
    """Acquire the slots that this host may add now to reach its share."""
    leases, host = speech_cache().leases, this_host()
    counting = leases.acquire(f"warm-share:{host}")
    if counting is None:
        return []  # two workers of one host that count at the same time would take its share twice
    try:
        held = Lease.objects.filter(name__in=_slots(), owner__startswith=f"{host}:", until__gt=Now()).count()
        share = math.ceil(conf().warm_concurrency / (1 + len(hosts_at_work() - {host})))
        # At most half the share: a worker's threads share one processor, and a cluster has two workers.
        return _free_slots(min(share - held, math.ceil(share / 2)))
    finally:
        leases.release(counting)


def _free_slots(most: int) -> list[HeldLease]:
    """Acquire at most so many free slots."""
    found = (speech_cache().leases.acquire(name) for name in _slots())
    return list(islice(filter(None, found), max(0, most)))


def _work_slot(slot: HeldLease, end: float, runs: Sequence[WarmRun], should_stop: Callable[[], bool]) -> None:
    cache = speech_cache()
    try:
        # A slot allows one provider call at a time. While one clip is being stored, the next one is spoken.
        with OrmThreadPool(2, thread_name_prefix="warm-item") as making:
            made: list[Future[bool]] = []
            # A process that was suspended for long may have lost its slot to another.
            while time.monotonic() < end and not should_stop() and cache.leases.is_held(slot):
                with _turn:
                    item = None if is_cooling_down() else _take(slot, runs)
                if item is None:
                    break
                spoken: Future[bool] = Future()
                made.append(making.submit(_make, cache, item, spoken))
                wait([spoken, made[-1]], return_when=FIRST_COMPLETED)
                if made[-1].done() and not made[-1].result():
                    break
            for each in made:
                each.result()  # raises unexpected errors
    finally:
        cache.leases.release(slot)


def _takeable(runs: Sequence[WarmRun] = ()) -> QuerySet[WarmItem]:
    """Queued items, and items whose worker is dead; the faster lane first."""
    alive = Lease.objects.filter(owner=OuterRef("owner"), until__gt=Now())
    items = WarmItem.objects.filter(run__in=runs) if runs else WarmItem.objects.all()
    return (
        items.filter(run__state__in=AT_WORK)
        .filter(Q(state=WarmItem.State.QUEUED) | Q(state=WarmItem.State.MAKING) & ~Exists(alive))
        .order_by("lane", "run__created_at", "position")
    )


def _take(slot: HeldLease, runs: Sequence[WarmRun]) -> WarmItem | None:
    """Take the next item. Two workers may see the same one; the row count of the update says who has it."""
    while True:
        item = _takeable(runs).select_related("clip", "run").first()
        if item is None:
            return None
        if item.attempts >= MAX_ATTEMPTS:
            _finish(item, WarmItem.State.FAILED, "Its process died each time it was being made.")
            continue
        # The run may have been paused since. Ask in a subquery: with a join, PostgreSQL would not report a
        # row count of 0 for a lost race.
        taken = WarmItem.objects.filter(
            Exists(WarmRun.objects.filter(pk=OuterRef("run"), state__in=AT_WORK)),
            pk=item.pk,
            state=item.state,
            owner=item.owner,
            attempts=item.attempts,
        ).update(state=WarmItem.State.MAKING, owner=slot.owner, attempts=F("attempts") + 1)
        if taken:
            item.owner, item.attempts = slot.owner, item.attempts + 1
            if item.run.state == WarmRun.State.QUEUED:
                now = timezone.now()
                WarmRun.objects.filter(pk=item.run_id, state=WarmRun.State.QUEUED).update(
                    state=WarmRun.State.RUNNING, started_at=Coalesce("started_at", now), at_work_since=now
                )
            return item


def _make(cache: SpeechCache, item: WarmItem, spoken: Future[bool]) -> bool:
    """Make one item; returns whether to go on with the next. `spoken` is set once the voice is free again."""
    if item.newer_than is not None and cannot_be_made_again(item.clip):
        _finish(item, WarmItem.State.FAILED, MODEL_RETIRED)  # the model has retired since it was queued
        return True
    try:
        state, reason = _generate(cache, item, spoken)
    except SpeechError as error:
        response = next(ON_ERROR[kind] for kind in type(error).__mro__ if kind in ON_ERROR)
        return response(cache, item, error)
    _finish(item, state, reason)
    return True


def _generate(cache: SpeechCache, item: WarmItem, spoken: Future[bool]) -> tuple[WarmItem.State, str]:
    """Get or make the clip; returns the item's new state and the reason. Raises SpeechError."""
    clip = item.clip
    job = GenerationJob(
        clip.request, clip.content_type, parts_at_once=1, made_ahead=True, newer_than=item.newer_than
    )
    # The leader of a generation looks again before it pays, so do not look for a clip that was missing.
    found = cache.get_or_generate(job) if clip.is_ready and not item.newer_than else cache.generate(job)
    if isinstance(found, Hit):
        return WarmItem.State.SKIPPED, WAS_THERE
    connections.close_all()  # the voice takes seconds
    found.recording.wait_until_synthesized()
    if found.recording.error is None:
        spoken.set_result(True)
    found.recording.result()
    if found.outcome == "generated":
        return WarmItem.State.DONE, ""
    return WarmItem.State.SKIPPED, MADE_BY_ANOTHER


# --- what an error means for an item; each handler returns whether to go on with the next one -------------
def _fail(cache: SpeechCache, item: WarmItem, error: SpeechError) -> bool:
    _finish(item, WarmItem.State.FAILED, error.for_staff())
    return True


def _fail_as_retired(cache: SpeechCache, item: WarmItem, error: SpeechError) -> bool:
    """Other clips of this model fail in the same way, without a provider call."""
    assert isinstance(error, ModelRetired)
    _finish(item, WarmItem.State.FAILED, error.for_staff(item.clip.model))
    return True


def _fail_reworded(cache: SpeechCache, item: WarmItem, error: SpeechError) -> bool:
    """Tell staff which words differ, but only in a text that staff wrote."""
    assert isinstance(error, Reworded)
    if _is_authored(item):
        _finish(item, WarmItem.State.FAILED, _differing_words(error) or _differing_words_before(item))
        return True
    return _fail(cache, item, error)


def _is_authored(item: WarmItem) -> bool:
    """Whether staff wrote the text. A reflection outside the bank may quote a listener."""
    if item.clip.content_type == ContentType.ANALYSIS:
        return Pin.objects.filter(content_hash=item.clip.content_hash, reason=Pin.Reason.BANK).exists()
    return item.clip.content_type in (ContentType.NARRATIVE, ContentType.QUESTION)


def _differing_words(error: Reworded) -> str:
    found = [f"“{each.spoken}” for “{each.written}”" for each in error.differences]
    return f"{OTHER_WORDS}: {'; '.join(found)}." if found else ""


def _differing_words_before(item: WarmItem) -> str:
    """The reason given before: the cache does not try a clip again whose words have differed."""
    before = WarmItem.objects.filter(clip=item.clip, reason__startswith=f"{OTHER_WORDS}:").order_by("-pk")
    return before.values_list("reason", flat=True).first() or f"{OTHER_WORDS}."


def _put_back_and_cool_down(cache: SpeechCache, item: WarmItem, error: SpeechError) -> bool:
    """The trouble is with the provider, the database or this process, not with this clip."""
    _put_back(item, error)
    _cool_down(cache, error)
    return False


def _fail_unless_down(cache: SpeechCache, item: WarmItem, error: SpeechError) -> bool:
    """If the provider fails for all clips, this one waits. But not for ever: such a call may cost money."""
    if not cache.synthesizer.circuit.is_open or item.attempts >= MAX_ATTEMPTS:
        _finish(item, WarmItem.State.FAILED, error.for_staff())
        return True
    _put_back(item, error, is_attempt=True)
    _cool_down(cache, error)
    return False


def _wait_for_money(cache: SpeechCache, item: WarmItem, error: SpeechError) -> bool:
    if not _is_beyond_any_day(cache, item):
        _put_back(item, error)
        pause(item.run, WarmRun.Pause.BUDGET)
    elif _postpone(cache, item):
        _put_back(item, error)
    else:
        _finish(item, WarmItem.State.FAILED, "It costs more than may be spent in a day.")
    return True


# The most derived class of an error decides.
ON_ERROR: dict[type, Callable[[SpeechCache, WarmItem, SpeechError], bool]] = {
    SpeechError: _fail,
    ProviderError: _fail_unless_down,
    ModelRetired: _fail_as_retired,
    ProviderUnavailable: _put_back_and_cool_down,
    VoiceNotInUse: _fail,
    Reworded: _fail_reworded,
    StoreUnavailable: _put_back_and_cool_down,
    NotKept: _fail,
    Busy: _put_back_and_cool_down,
    BudgetExhausted: _wait_for_money,
}


def _put_back(item: WarmItem, error: SpeechError, *, is_attempt: bool = False) -> None:
    """Queue the item again with the error as its reason. Unless `is_attempt`, the try does not count."""
    WarmItem.objects.filter(pk=item.pk, owner=item.owner, state=WarmItem.State.MAKING).update(
        state=WarmItem.State.QUEUED,
        owner="",
        attempts=F("attempts") - (0 if is_attempt else 1),
        reason=f"{WAITS}{error.for_staff()}"[:200],
    )


def _cool_down(cache: SpeechCache, error: SpeechError) -> None:
    """Stop all hosts from taking items for as long as the provider asks, within limits."""
    seconds = min(max(error.retry_after_seconds or 0, COOLDOWN_SECONDS), LONGEST_COOLDOWN_SECONDS)
    Cooldown(cache.leases, RATE_LIMIT).start(seconds, reason=_code_of(error))


def _code_of(error: SpeechError) -> str:
    return error.recorded_as if isinstance(error, ProviderError) else error.code


def _is_beyond_any_day(cache: SpeechCache, item: WarmItem) -> bool:
    return cache.synthesizer.budget.is_beyond(most_usd(item.clip.request))


def _postpone(cache: SpeechCache, item: WarmItem) -> bool:
    """Move the item to the end of its run; False if a day's budget can pay none of the others either."""
    others = item.run.items.filter(state=WarmItem.State.QUEUED).exclude(pk=item.pk).select_related("clip")
    if all(_is_beyond_any_day(cache, other) for other in others):
        return False
    last = item.run.items.aggregate(last=Max("position"))["last"]
    WarmItem.objects.filter(pk=item.pk).update(position=last + 1)
    return True


def _finish(item: WarmItem, state: WarmItem.State, reason: str = "") -> None:
    """Close the item, unless another worker took it over meanwhile."""
    with transaction.atomic():
        run = WarmRun.objects.select_for_update().filter(pk=item.run_id).first()
        if run is None:  # cleaned up meanwhile
            return
        if run.state == WarmRun.State.CANCELLED and state == WarmItem.State.DONE:
            reason = "It was being made when the run was cancelled, so it was finished and kept."
        WarmItem.objects.filter(pk=item.pk, owner=item.owner).update(
            state=state, reason=reason[:200], finished_at=timezone.now()
        )
        settle(run)
