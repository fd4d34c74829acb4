"""Removes stale clips: their records and their bytes, in every tier. The module stale says which.

A run's list is fixed when it begins. Each batch removes the clips that are still stale, in one transaction
that leaves an `Invalidation` for every process and host with a copy. So a prune may be killed at any point:
no record loses its bytes, and no bytes are left without a record or a PendingDeletion.
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

from django.db import DatabaseError, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Length, Now
from django.utils import timezone
from django_q.tasks import async_task

from ttscache.accounting.prices import list_price_usd
from ttscache.cache import SpeechCache
from ttscache.connections import check_deferred_constraints, why_refused
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
    size_at_rest,
)
from ttscache.models.booking import microusd_of
from ttscache.renditions.irreplaceable import models_to_keep
from ttscache.tiers import deletion_queue
from ttscache.wiring import storage_tier

logger = logging.getLogger(__name__)

BATCH = 200
MOST_DAYS = 36_500  # more would lead to dates that a database cannot hold
LEASE = "prune"
WAIT_SECONDS = 10.0  # for another prune to end; the lease of one that was killed runs out sooner
BY_SCHEDULE = "schedule"  # `requested_by` of the nightly run
PLANS_KEPT = timedelta(days=1)  # how long staff may think about a list
TAKEN_UP_WITHIN = timedelta(days=7)  # a run that nobody took up for so long is given up


# --- what would go ----------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Stale:
    """The clips that a prune would remove; it never removes others.

    `kept_back` counts clips that are just as old but stay: pinned, or irreplaceable. Money is at today's
    prices.
    """

    content_hashes: tuple[str, ...]
    freed_bytes: int
    remake_cost_usd: float
    kept_back: int


class _Row(NamedTuple):
    """The fields of a clip that removing it needs; of its text only the number of characters."""

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
    size_at_rest(),
    *("stored_at", "stored_in", "audio_file_path"),
)


class _Sum:
    """Adds up the bytes of clips at rest, and the price to make them again."""

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
    """List the stale clips. Writes nothing. Raises Error."""
    kept_models = models_to_keep()
    kept_back = held_though_stale(days, kept_models).count()
    return _listed(stale_lists(days, kept_models), kept_back=kept_back)


def find_irreplaceable() -> Stale:
    """List the irreplaceable clips that no text uses; `kept_back` counts those in use. Raises Error."""
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
    """Hold the lease for the one prune at a time over all hosts. Raises Busy, Error."""
    end = time.monotonic() + wait_seconds
    while (held := cache.leases.acquire(LEASE)) is None:
        if time.monotonic() >= end:
            raise Busy("Clips are already being removed. Please try again in a moment.")
        time.sleep(0.1)
    try:
        yield
    finally:
        cache.leases.release(held)


@transaction.atomic
def begin(stale: Stale, days: int, requested_by: str) -> PruneRun:
    """Create a run that removes exactly these clips, in this process or in the cluster. Raises Error.

    Other running prunes continue: their lists are fixed, and the cluster resumes those that were cut off.
    """
    _end_what_is_outdated(requested_by)
    return _create_run(stale, requested_by, PruneRun.State.RUNNING, days=days)


@transaction.atomic
def begin_irreplaceable(found: Stale, requested_by: str) -> PruneRun:
    """Create a run that removes irreplaceable clips. A person must have typed their count. Raises Error."""
    _end_what_is_outdated(requested_by)
    return _create_run(found, requested_by, PruneRun.State.RUNNING, days=0, is_of_irreplaceable=True)


def _create_run(stale: Stale, requested_by: str, state: PruneRun.State, **fields: Any) -> PruneRun:
    run = PruneRun.objects.create(
        **fields,
        state=state,
        requested_by=requested_by,
        listed=len(stale.content_hashes),
        listed_bytes=stale.freed_bytes,
        listed_cost_microusd=microusd_of(stale.remake_cost_usd),
        kept_back=stale.kept_back,
    )
    # A row for each batch: one row with a million hashes would be read and written again for every batch.
    pages = (stale.content_hashes[start : start + BATCH] for start in range(0, run.listed, BATCH))
    batches = (PruneBatch(run=run, content_hashes=page) for page in pages)
    PruneBatch.objects.bulk_create(batches, batch_size=100)
    return run


def _end_what_is_outdated(requested_by: str) -> None:
    """Give up runs that were not resumed for TAKEN_UP_WITHIN, and last night's run if a new one begins."""
    outdated = Q(started_at__lt=timezone.now() - TAKEN_UP_WITHIN)
    if requested_by == BY_SCHEDULE:
        outdated |= Q(requested_by=BY_SCHEDULE)
    for run in PruneRun.objects.filter(outdated, state=PruneRun.State.RUNNING):
        _end(run, PruneRun.State.FAILED)


def stop_prune(run: PruneRun) -> bool:
    """Stop the run after its present batch; False if it had ended."""
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
    """Remove the clips of the run's list that are still stale; yields the removed hashes batch by batch.

    Clips that were requested, pinned or queued since they were listed stay. After each batch it pauses for as
    long as the batch took, so that the database can serve listeners. Once `should_rest` is true, it leaves
    the rest to a later call. It always removes at least one batch first, or a run whose listing takes all its
    time would never end. Raises Error.
    """
    begun = time.monotonic()
    while (gone := _remove_next(run)) is not None:
        took_seconds = time.monotonic() - begun
        cache.forget(gone)  # after the commit: until then a request could fetch the clip again
        _sweep()
        yield gone
        if should_rest():
            return
        time.sleep(took_seconds)
        begun = time.monotonic()
    _end(run, PruneRun.State.DONE)


def prune_now(days: int, requested_by: str, cache: SpeechCache) -> PruneRun:
    """List and remove stale clips, and return the ended run. Raises Busy, Error."""
    with alone(cache):
        run = begin(find_stale(days), days, requested_by)
        for _ in run_prune(run, cache):
            pass
    run.refresh_from_db()
    return run


@transaction.atomic
def _remove_next(run: PruneRun) -> list[str] | None:
    """Remove one whole batch; None if none is left, or if the run was ended."""
    # The lock makes a stop wait for this batch, and keeps two workers from taking the same one.
    running = PruneRun.objects.filter(pk=run.pk, state=PruneRun.State.RUNNING).select_for_update()
    if not running:
        return None
    batch = run.batches.order_by("pk").first()
    if batch is None:
        return None
    batch.delete()
    removable = removable_irreplaceable_clips() if run.is_of_irreplaceable else stale_clips(run.days)
    try:
        with transaction.atomic():
            return _remove_locked(run, removable.filter(content_hash__in=batch.content_hashes))
    except DatabaseError as error:
        if not why_refused(error):
            raise
    return _remove_one_by_one(run, removable, sorted(batch.content_hashes))


def _remove_one_by_one(run: PruneRun, removable: QuerySet[Clip], content_hashes: Sequence[str]) -> list[str]:
    """Remove what the database lets go; a clip to which another table refers stays, and the log names it."""
    gone: list[str] = []
    kept = 0
    for content_hash in content_hashes:
        try:
            with transaction.atomic():
                gone += _remove_locked(run, removable.filter(content_hash=content_hash))
        except DatabaseError as error:
            if not (reason := why_refused(error)):
                raise
            kept += 1
            run.refused[content_hash] = reason
            logger.warning("Clip %s stays: %s.", content_hash, reason)
    PruneRun.objects.filter(pk=run.pk).update(kept_back=F("kept_back") + kept)
    return gone


def _remove_locked(run: PruneRun, clips_to_remove: QuerySet[Clip]) -> list[str]:
    # Wait for requests that touch one of these clips: it is then no longer stale. Lock in one order, or two
    # prunes could deadlock.
    locked = clips_to_remove.order_by("content_hash").select_for_update(of=("self",))
    rows = [_Row(*values) for values in locked.values_list(*_FIELDS)]
    clips, gone = [row.pk for row in rows], [row.content_hash for row in rows]
    # Rows that refer to the clips go first: there is no cascade below.
    ClipFile.objects.filter(cache__in=clips).delete()
    WarmItem.objects.filter(clip__in=clips).delete()
    _delete_records(clips)
    check_deferred_constraints()
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
        remake_cost_microusd=F("remake_cost_microusd") + microusd_of(removed.remake_cost_usd),
    )
    return gone


def _delete_records(clips: Sequence[uuid.UUID]) -> None:
    # No row of ours refers to them any more. delete() would first load them all, with their texts.
    records = Clip.objects.filter(pk__in=clips)
    records._raw_delete(records.db)


def _sweep() -> None:
    if (storage := storage_tier()) is not None:
        storage.sweep_if_possible()


# --- one clip, by a person --------------------------------------------------------------------------------
def remove_clip(clip: Clip, requested_by: str, cache: SpeechCache) -> PruneRun | None:
    """Remove any one clip for good; None if it is already gone. Raises Error.

    If a text uses it, its record is kept without audio, because the listener's page needs its address. Raises
    IntegrityError, and changes nothing, if another table refers to it.
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
    """Store this list for PLANS_KEPT, for the same person to confirm. Touches no clip. Raises Error.

    It replaces the person's earlier plan, so that repeated looks leave only one list behind.
    """
    _discard_plans(requested_by=requested_by)
    return _create_run(stale, requested_by, PruneRun.State.PLANNED, days=days)


@transaction.atomic
def confirm_prune(run_id: uuid.UUID, requested_by: str) -> PruneRun | None:
    """Let the cluster remove the clips of a plan as soon as it can.

    None if there is no such plan: it is too old, replaced, already confirmed, or another person's. Raises
    Error.
    """
    now = timezone.now()
    plans = PruneRun.objects.filter(
        pk=run_id, requested_by=requested_by, state=PruneRun.State.PLANNED, started_at__gt=now - PLANS_KEPT
    )
    # The row count decides, so that a form that is sent twice starts the plan once.
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
    # Lock first: a plan that is being confirmed at this moment becomes a running prune, which must stay.
    plans = PruneRun.objects.filter(state=PruneRun.State.PLANNED, **which).select_for_update()
    PruneRun.objects.filter(pk__in=[plan.pk for plan in plans]).delete()


# --- in the cluster ---------------------------------------------------------------------------------------
def prune_in_cluster(
    days: int, cache: SpeechCache, run_id: str, should_rest: Callable[[], bool]
) -> PruneRun | None:
    """Begin the nightly run, or resume the run with this id. Returns it, ended or still running.

    None if that run had already ended. Raises Busy, Error.
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
    """The oldest running prune that no process works on, because it was handed over or its process died."""
    if Lease.objects.filter(name=LEASE, until__gt=Now()).exists():
        return None
    running = PruneRun.objects.filter(state=PruneRun.State.RUNNING)
    return running.filter(started_at__gt=timezone.now() - TAKEN_UP_WITHIN).order_by("started_at").first()
