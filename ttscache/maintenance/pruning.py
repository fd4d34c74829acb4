"""Removes stale clips: their records and their bytes, in every tier.

A run's list is fixed when it begins. Each batch removes those of its clips that are stale still, in one
transaction that leaves an `Invalidation` for every process and host with a copy. So a prune may be killed
anywhere: no record is left without its bytes, and no bytes are left without a record or a PendingDeletion.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce, Length, Now
from django.utils import timezone
from django_q.tasks import async_task

from ttscache.accounting.prices import list_price_usd
from ttscache.cache import SpeechCache
from ttscache.errors import Busy
from ttscache.maintenance.stale import (
    held_irreplaceable_clips,
    held_though_stale,
    removable_irreplaceable_clips,
    stale_clips,
    stale_lists,
)
from ttscache.models import (
    Clip,
    ClipFile,
    Invalidation,
    Lease,
    PermanentStore,
    Pin,
    PruneBatch,
    PruneRun,
    WarmItem,
)
from ttscache.renditions.irreplaceable import models_to_keep
from ttscache.tiers import deletion_queue
from ttscache.wiring import storage_tier

logger = logging.getLogger(__name__)

BATCH = 200
MOST_DAYS = 36_500  # what a database can subtract from now
LEASE = "prune"
WAIT_SECONDS = 10.0  # for another prune to end; the lease of one that was killed runs out sooner
BY_SCHEDULE = "schedule"  # who asked, where no person waits for it
PLANS_KEPT = timedelta(days=1)  # how long staff may think about a list
TAKEN_UP_WITHIN = timedelta(days=7)  # what was begun before that has been forgotten by whoever asked


# --- what would go ----------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Stale:
    """What a prune would remove, and only that.

    `kept_back` are as old, and stay: a pin holds them, or they cannot be bought again.
    """

    content_hashes: tuple[str, ...]
    freed_bytes: int
    remake_cost_usd: float
    kept_back: int


class _Row(NamedTuple):
    """What has to be known of a clip; of its words only how many characters they are."""

    pk: uuid.UUID
    content_hash: str
    model: str
    characters: int
    stored_bytes: int | None
    stored_at: datetime | None
    stored_in: str
    path: str | None


_FIELDS: tuple[Any, ...] = (
    *("pk", "content_hash", "model", Length("content_text")),
    Coalesce("stored_size", "audio_file_size"),
    *("stored_at", "stored_in", "audio_file_path"),
)


class _Sum:
    """The bytes that clips take at rest, and the price to make them again."""

    def __init__(self) -> None:
        self.freed_bytes = 0
        self._characters = Counter[str]()

    def add(self, row: _Row) -> None:
        if row.stored_at is not None:
            self.freed_bytes += row.stored_bytes or 0
            self._characters[row.model] += row.characters

    @property
    def remake_cost_usd(self) -> float:
        return sum(list_price_usd(model, characters) for model, characters in self._characters.items())


def find_stale(days: int) -> Stale:
    """Nothing is written. Raises Error."""
    kept_models = models_to_keep()
    kept_back = held_though_stale(days, kept_models).count()
    return _listed(stale_lists(days, kept_models), kept_back=kept_back)


def find_irreplaceable() -> Stale:
    """The clips that cannot be bought again; `kept_back` are held by a text. Raises Error."""
    clips = removable_irreplaceable_clips().order_by("model", "voice", "content_hash")
    return _listed([clips], kept_back=held_irreplaceable_clips().count())


def _listed(lists: Iterable[QuerySet[Clip]], *, kept_back: int) -> Stale:
    hashes: list[str] = []
    found = _Sum()
    for clips in lists:
        for values in clips.values_list(*_FIELDS).iterator(chunk_size=2_000):
            row = _Row(*values)
            hashes.append(row.content_hash)
            found.add(row)
    return Stale(tuple(hashes), found.freed_bytes, found.remake_cost_usd, kept_back)


# --- a prune's life ---------------------------------------------------------------------------------------
@contextmanager
def alone(cache: SpeechCache, wait_seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Around a prune: there is one at a time over all hosts. Raises Busy, Error."""
    end = time.monotonic() + wait_seconds
    while (held := cache.leases.acquire(LEASE)) is None:
        if time.monotonic() >= end:
            raise Busy("Clips are being removed already. Please try again in a moment.")
        time.sleep(0.1)
    try:
        yield
    finally:
        cache.leases.release(held)


@transaction.atomic
def begin(stale: Stale, days: int, requested_by: str) -> PruneRun:
    """A new run, which removes no clip but these: here and now, or in the cluster. Raises Error.

    Others that are not at their end go on: their lists are fixed, and the cluster takes up what was cut off.
    """
    _end_what_is_outdated(requested_by)
    return _create_run(stale, requested_by, PruneRun.State.RUNNING, days=days)


@transaction.atomic
def begin_irreplaceable(found: Stale, requested_by: str) -> PruneRun:
    """A new run, which removes these clips for good: a person has typed their count back. Raises Error."""
    _end_what_is_outdated(requested_by)
    return _create_run(found, requested_by, PruneRun.State.RUNNING, days=0, is_of_irreplaceable=True)


def _create_run(stale: Stale, requested_by: str, state: PruneRun.State, **fields: Any) -> PruneRun:
    run = PruneRun.objects.create(
        **fields,
        state=state,
        requested_by=requested_by,
        listed=len(stale.content_hashes),
        listed_bytes=stale.freed_bytes,
        listed_cost_microusd=round(stale.remake_cost_usd * 1e6),
        kept_back=stale.kept_back,
    )
    pages = (stale.content_hashes[start : start + BATCH] for start in range(0, run.listed, BATCH))
    batches = (PruneBatch(run=run, content_hashes=page) for page in pages)
    PruneBatch.objects.bulk_create(batches, batch_size=100)
    return run


def _end_what_is_outdated(requested_by: str) -> None:
    """What nobody has taken up in all the time; and the list of the night before, which is made anew."""
    outdated = Q(started_at__lt=timezone.now() - TAKEN_UP_WITHIN)
    if requested_by == BY_SCHEDULE:
        outdated |= Q(requested_by=BY_SCHEDULE)
    for run in PruneRun.objects.filter(outdated, state=PruneRun.State.RUNNING):
        _end(run, PruneRun.State.FAILED)


def stop_prune(run: PruneRun) -> bool:
    """Let it end after the batch that is under way; False where it has ended."""
    return _end(run, PruneRun.State.STOPPED)


@transaction.atomic
def _end(run: PruneRun, state: PruneRun.State) -> bool:
    running = PruneRun.objects.filter(pk=run.pk, state=PruneRun.State.RUNNING)
    has_ended = bool(running.update(state=state, finished_at=timezone.now()))
    if has_ended:
        run.batches.all().delete()
    return has_ended


def run_prune(
    run: PruneRun, cache: SpeechCache, *, should_rest: Callable[[], bool] = lambda: False
) -> Iterator[list[str]]:
    """Remove what is on its list and stale still; yields the hashes that are gone, batch by batch.

    Whatever was asked for, pinned or taken up since it was listed stays. Between two batches it pauses for
    as long as the last one took, so that the database has time for listeners. Once it `should_rest`, what is
    left is left to another, and the run stays open; but a batch goes first, or none would ever come to its
    end whose listing takes all its time. Raises Error.
    """
    begun = time.monotonic()
    while (gone := _remove_next(run)) is not None:
        took_seconds = time.monotonic() - begun
        cache.forget(gone)  # only now: a copy may have been read for a listener until the record was gone
        _sweep()
        yield gone
        if should_rest():
            return
        time.sleep(took_seconds)
        begun = time.monotonic()
    _end(run, PruneRun.State.DONE)


def prune_now(days: int, requested_by: str, cache: SpeechCache) -> PruneRun:
    """List and remove, from beginning to end, and tell how it went. Raises Busy, Error."""
    with alone(cache):
        run = begin(find_stale(days), days, requested_by)
        for _ in run_prune(run, cache):
            pass
    run.refresh_from_db()
    return run


@transaction.atomic
def _remove_next(run: PruneRun) -> list[str] | None:
    """One batch, all of it or nothing; None where none is left, or the run was ended by somebody."""
    # Whoever ends it meanwhile waits for this batch; two that work on it never take the same one.
    running = PruneRun.objects.filter(pk=run.pk, state=PruneRun.State.RUNNING).select_for_update()
    if not running:
        return None
    batch = run.batches.order_by("pk").first()
    if batch is None:
        return None
    batch.delete()
    return _remove(run, batch.content_hashes)


def _remove(run: PruneRun, content_hashes: Sequence[str]) -> list[str]:
    removable = removable_irreplaceable_clips() if run.is_of_irreplaceable else stale_clips(run.days)
    return _remove_locked(run, removable.filter(content_hash__in=content_hashes))


def _remove_locked(run: PruneRun, clips_to_remove: QuerySet[Clip]) -> list[str]:
    # Whoever notes one of them as asked for is waited for; then it is stale no more. All lock in one order.
    locked = clips_to_remove.order_by("content_hash").select_for_update(of=("self",))
    rows = [_Row(*values) for values in locked.values_list(*_FIELDS)]
    clips, gone = [row.pk for row in rows], [row.content_hash for row in rows]
    ClipFile.objects.filter(cache__in=clips).delete()
    WarmItem.objects.filter(clip__in=clips).delete()
    _delete_records(clips)
    deletion_queue.schedule_now(
        row.path for row in rows if row.stored_in == PermanentStore.STORAGE and row.path
    )
    Invalidation.objects.bulk_create(Invalidation(content_hash=content_hash) for content_hash in gone)
    removed = _Sum()
    for row in rows:
        removed.add(row)
    PruneRun.objects.filter(pk=run.pk).update(
        removed=F("removed") + len(gone),
        freed_bytes=F("freed_bytes") + removed.freed_bytes,
        remake_cost_microusd=F("remake_cost_microusd") + round(removed.remake_cost_usd * 1e6),
    )
    return gone


def _delete_records(clips: Sequence[uuid.UUID]) -> None:
    # What points to them is gone; delete() would fetch them all first, with their words and waveforms.
    records = Clip.objects.filter(pk__in=clips)
    records._raw_delete(records.db)


def _sweep() -> None:
    if (storage := storage_tier()) is not None:
        storage.sweep_if_possible()


# --- one clip, by a person --------------------------------------------------------------------------------
def remove_clip(clip: Clip, requested_by: str, cache: SpeechCache) -> PruneRun | None:
    """Remove one clip for good, whatever it is; None where it has gone already. Raises Error.

    A text that holds it keeps its record, without sound: the page still has to know the text's address.
    """
    with transaction.atomic():
        removed = Clip.objects.filter(pk=clip.pk)
        found = _listed([removed.order_by()], kept_back=0)
        if not found.content_hashes:
            return None
        fields = {"days": 0, "is_of_irreplaceable": True}
        run = _create_run(found, requested_by, PruneRun.State.RUNNING, **fields)
        gone = _remove_locked(run, removed)
        if Pin.objects.in_force().filter(content_hash=clip.content_hash).exists():
            Clip.objects.record_all([clip.request], clip.content_type, are_shareable=clip.is_shareable)
        _end(run, PruneRun.State.DONE)
    cache.forget(gone)
    _sweep()
    run.refresh_from_db()
    return run


# --- planned by staff, who confirm it later ---------------------------------------------------------------
@transaction.atomic
def plan_prune(stale: Stale, days: int, requested_by: str) -> PruneRun:
    """Keep this list for PLANS_KEPT, for the same person to confirm. Touches no clip. Raises Error.

    It replaces the person's earlier plans, so that looking again and again leaves one list behind.
    """
    _discard_plans(requested_by=requested_by)
    return _create_run(stale, requested_by, PruneRun.State.PLANNED, days=days)


@transaction.atomic
def confirm_prune(run_id: uuid.UUID, requested_by: str) -> PruneRun | None:
    """Have the cluster remove what the plan lists, after its present work; where none is up, once one is.

    None if the plan is gone: too old, replaced, confirmed already, or another person's. Raises Error.
    """
    now = timezone.now()
    plans = PruneRun.objects.filter(
        pk=run_id, requested_by=requested_by, state=PruneRun.State.PLANNED, started_at__gt=now - PLANS_KEPT
    )
    # The row count decides: a form that is sent twice starts its plan once.
    if not plans.update(state=PruneRun.State.RUNNING, started_at=now):
        return None
    _end_what_is_outdated(requested_by)
    run = PruneRun.objects.get(pk=run_id)
    transaction.on_commit(partial(call_for_prune, run))
    return run


def discard_unconfirmed_plans() -> None:
    _discard_plans(started_at__lte=timezone.now() - PLANS_KEPT)


@transaction.atomic
def _discard_plans(**which: Any) -> None:
    # Locked first: a plan that is being confirmed at this moment is a running prune by the time it is read.
    plans = PruneRun.objects.filter(state=PruneRun.State.PLANNED, **which).select_for_update()
    PruneRun.objects.filter(pk__in=[plan.pk for plan in plans]).delete()


# --- in the cluster ---------------------------------------------------------------------------------------
def prune_in_cluster(
    days: int, cache: SpeechCache, run_id: str, should_rest: Callable[[], bool]
) -> PruneRun | None:
    """Begin the nightly run, or resume this one. Returns the run as it is now: ended, or still running.

    None where there was nothing to do, because this run had ended before. Raises Busy, Error.
    """
    with alone(cache, wait_seconds=0):
        if run_id:
            run = PruneRun.objects.filter(pk=run_id, state=PruneRun.State.RUNNING).first()
            if run is None:
                return None
        else:
            run = begin(find_stale(days), days, BY_SCHEDULE)
        for _ in run_prune(run, cache, should_rest=should_rest):
            pass
    run.refresh_from_db()
    return run


def call_for_prune(run: PruneRun) -> None:
    async_task("ttscache.tasks.prune", str(run.pk), task_name="remove old clips", save=False)


def abandoned_run() -> PruneRun | None:
    """The longest waiting of those that nobody works on: it was handed over, or its process is gone."""
    if Lease.objects.filter(name=LEASE, until__gt=Now()).exists():
        return None
    running = PruneRun.objects.filter(state=PruneRun.State.RUNNING)
    return running.filter(started_at__gt=timezone.now() - TAKEN_UP_WITHIN).order_by("started_at").first()
