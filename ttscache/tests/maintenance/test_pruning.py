"""prune on real tiers: it removes the clips that its dry run listed, except those in use."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import DatabaseError
from django.db.models.functions import Now
from django.utils import timezone

from harness.clips import entry, speech
from harness.s3 import S3Server
from ttscache import tasks, warming, wiring
from ttscache.errors import Busy
from ttscache.maintenance import pruning
from ttscache.maintenance.pruning import Stale, begin, find_stale, run_prune
from ttscache.models import Clip, ClipFile, Invalidation, Lease, Pin, PruneBatch, PruneRun, WarmItem, WarmRun
from ttscache.tiers import deletion_queue
from ttscache.wiring import speech_cache

pytestmark = pytest.mark.django_db

DAYS = 90
LONG_AGO = timezone.now() - timedelta(days=DAYS + 1)


def keep(words: str, *, last_requested_at: object = LONG_AGO) -> str:
    """Store a clip in every tier, and return its hash."""
    request = speech(words)
    Clip.objects.record(request, "question")
    kept = entry(request.content_hash)
    speech_cache().tiers.permanent.put(kept)
    for tier in speech_cache().tiers.local:
        tier.put(kept)
    Clip.objects.filter(content_hash=request.content_hash).update(last_accessed_at=last_requested_at)
    return request.content_hash


def said(*options: str) -> str:
    out = StringIO()
    call_command("prune", *options, stdout=out)
    return out.getvalue()


def is_known(content_hash: str) -> bool:
    return Clip.objects.filter(content_hash=content_hash).exists()


def removed_of(listed: Stale) -> list[str]:
    run = begin(listed, DAYS, "a test")
    return [content_hash for gone in run_prune(run, speech_cache()) for content_hash in gone]


def test_a_prune_dry_run_counts_and_writes_nothing() -> None:
    stale = keep("Nobody asks for this.")
    told = said("--dry-run")

    assert told.startswith("1 clips were not asked for in 90 days: 5\xa0bytes, 0.0006 USD to make again.")
    assert is_known(stale) and speech_cache().find(stale)


def everything() -> dict[str, list[Any]]:
    """Return every row of every table."""
    return {
        model._meta.db_table: list(model._base_manager.order_by("pk").values()) for model in apps.get_models()
    }


def test_a_prune_dry_run_leaves_every_table_as_it_was() -> None:
    keep("Nobody asks for this.")
    before = everything()
    said("--dry-run")
    assert everything() == before


def test_a_stale_clip_leaves_every_tier_and_its_hash_becomes_unknown() -> None:
    stale, fresh = keep("Nobody asks for this."), keep("This is new.", last_requested_at=timezone.now())

    assert "1 clips were removed." in said()
    assert (is_known(stale), is_known(fresh)) == (False, True)
    assert [tier.get(stale) for tier in speech_cache().tiers.all] == [None] * len(speech_cache().tiers.all)
    assert ClipFile.objects.count() == 1


@pytest.mark.parametrize("reason", Pin.Reason.values)
def test_a_prune_keeps_pinned_clips(reason: str) -> None:
    held = keep("Held.")
    Pin.objects.create(content_hash=held, reason=reason)

    assert "1 more are as old" in said()
    assert speech_cache().find(held)


def test_a_prune_removes_a_stale_clip_whose_pin_ended() -> None:
    keep("Held once.")
    Pin.objects.create(content_hash=speech("Held once.").content_hash, reason="recent", until=LONG_AGO)
    assert "1 clips were removed." in said()


def test_a_prune_keeps_clips_requested_pinned_or_being_made_since_its_list() -> None:
    requested, pinned, made, stale = (keep(f"Text {number}.") for number in range(4))
    listed = find_stale(DAYS)
    Clip.objects.filter(content_hash=requested).update(last_accessed_at=timezone.now())
    Pin.objects.create(content_hash=pinned, reason="draft")
    Lease.objects.create(name=made, owner="somebody", until=Now() + timedelta(seconds=60))

    assert len(listed.content_hashes) == 4
    assert removed_of(listed) == [stale]
    assert all(map(is_known, (requested, pinned, made)))


def test_a_prune_keeps_clips_that_went_stale_after_its_list() -> None:
    keep("Listed.")
    listed = find_stale(DAYS)
    later = keep("Not listed.")
    removed_of(listed)
    assert is_known(later)


def test_a_clip_out_of_use_goes_after_a_week_unless_something_holds_it() -> None:
    days_ago = {days: timezone.now() - timedelta(days=days) for days in (6, 8)}
    lately, gone, held = (keep(f"Out of use {number}.", last_requested_at=days_ago[6]) for number in range(3))
    Clip.objects.filter(content_hash__in=[gone, held]).update(last_accessed_at=days_ago[8])
    Clip.objects.update(is_active=False)
    Pin.objects.create(content_hash=held, reason="draft")

    assert "1 clips were removed." in said()
    assert list(map(is_known, (lately, gone, held))) == [True, False, True]


def test_a_clip_that_a_run_is_about_to_make_stays_until_the_run_has_ended() -> None:
    wanted = keep("ClipSpec.")
    run = WarmRun.objects.create(scope="a scope")
    WarmItem.objects.create(run=run, clip=Clip.objects.get(), position=0, characters=7)
    assert "0 clips were removed." in said()
    warming.cancel(run)
    assert "1 clips were removed." in said()
    assert not is_known(wanted) and not WarmItem.objects.exists()


def test_listing_stale_clips_takes_the_same_statements_for_any_number(
    django_assert_max_num_queries: Any,
) -> None:
    for number in range(5):
        keep(f"Text {number}.")
    with django_assert_max_num_queries(8):  # some of them read which models retire
        assert len(find_stale(DAYS).content_hashes) == 5


# --- batches ----------------------------------------------------------------------------------------------
@pytest.fixture
def batches_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "BATCH", 2)


def rows() -> tuple[int, int, int]:
    return Clip.objects.count(), ClipFile.objects.count(), Invalidation.objects.count()


def begun(clips: int) -> tuple[PruneRun, Iterator[list[str]]]:
    for number in range(clips):
        keep(f"Text {number}.")
    run = begin(find_stale(DAYS), DAYS, "ana")
    return run, run_prune(run, speech_cache())


@pytest.mark.usefixtures("batches_of_two")
def test_a_prune_killed_between_two_batches_leaves_no_half_clip_and_is_resumed() -> None:
    run, batches = begun(5)
    next(batches)
    assert rows() == (3, 3, 2)
    assert pruning.abandoned_run() == run
    tasks.prune(str(run.pk))

    run.refresh_from_db()
    assert (run.state, run.removed) == ("done", 5)
    assert rows() == (0, 0, 5)


@pytest.mark.usefixtures("batches_of_two")
def test_a_prune_that_overtakes_another_removes_each_clip_once() -> None:
    run, batches = begun(5)
    next(batches)
    assert "3 clips were removed." in said()
    tasks.prune(str(run.pk))

    run.refresh_from_db()
    assert (run.state, run.removed) == ("done", 2)
    assert rows() == (0, 0, 5)


@pytest.mark.usefixtures("batches_of_two")
def test_a_prune_interrupted_at_the_keyboard_is_not_resumed(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        keep(f"Text {number}.")
    monkeypatch.setattr(time, "sleep", interrupted)  # between two batches
    with pytest.raises(KeyboardInterrupt):
        said()
    assert (PruneRun.objects.get().state, rows()) == ("stopped", (1, 1, 2))
    assert pruning.abandoned_run() is None


@pytest.mark.usefixtures("batches_of_two")
def test_a_prune_stopped_by_staff_says_that_the_next_makes_a_new_list(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(3):
        keep(f"Text {number}.")
    monkeypatch.setattr(time, "sleep", lambda _: pruning.stop_prune(PruneRun.objects.get()))
    assert "It was stopped; the next prune makes a new list." in said()
    assert not PruneBatch.objects.exists()


def interrupted(_: float) -> None:
    raise KeyboardInterrupt


@pytest.mark.usefixtures("batches_of_two")
def test_a_failed_batch_removes_none_of_its_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    _, batches = begun(5)
    next(batches)
    monkeypatch.setattr(deletion_queue, "schedule_now", failing)  # the third step from the end
    with pytest.raises(DatabaseError):
        next(batches)
    assert rows() == (3, 3, 2)
    assert all(speech_cache().find(clip.content_hash) for clip in Clip.objects.all())


def failing(*_: object) -> None:
    raise DatabaseError


@pytest.mark.usefixtures("batches_of_two")
def test_a_prune_can_be_stopped_between_two_batches() -> None:
    run, batches = begun(5)
    next(batches)
    assert pruning.stop_prune(run)
    assert list(batches) == []
    run.refresh_from_db()
    assert (run.state, run.removed, rows()) == ("stopped", 2, (3, 3, 2))
    assert not pruning.stop_prune(run)


@pytest.mark.usefixtures("batches_of_two")
def test_a_prune_stopped_before_its_first_batch_removes_nothing() -> None:
    run, batches = begun(3)
    pruning.stop_prune(run)
    assert list(batches) == []
    assert rows() == (3, 3, 0)


@pytest.mark.usefixtures("batches_of_two")
def test_a_prune_stopped_after_a_batch_removes_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    run, batches = begun(5)
    monkeypatch.setattr(time, "sleep", lambda _: pruning.stop_prune(run))
    assert [len(gone) for gone in batches] == [2]
    run.refresh_from_db()
    assert (run.state, run.removed, rows()) == ("stopped", 2, (3, 3, 2))


@pytest.mark.usefixtures("batches_of_two")
@pytest.mark.parametrize(("days", "goes_on"), [(6, True), (8, False)], ids=["six", "eight"])
def test_a_prune_begun_more_than_a_week_ago_is_abandoned(days: int, goes_on: bool) -> None:
    run, _ = begun(1)
    PruneRun.objects.update(started_at=timezone.now() - timedelta(days=days))
    begin(find_stale(DAYS), DAYS, "another")
    run.refresh_from_db()
    assert (run.state == "running") is goes_on


def test_a_nightly_prune_renews_an_old_list_and_a_confirmed_one_keeps_its_list() -> None:
    before = begin(find_stale(DAYS), DAYS, pruning.BY_SCHEDULE)
    by_ana = begin(find_stale(DAYS), DAYS, "ana")
    begin(find_stale(DAYS), DAYS, pruning.BY_SCHEDULE)
    states = {run.pk: run.state for run in PruneRun.objects.all()}
    assert (states[before.pk], states[by_ana.pk]) == ("failed", "running")


@pytest.mark.usefixtures("batches_of_two")
def test_two_workers_on_one_prune_take_different_batches() -> None:
    run, batches = begun(5)
    others = run_prune(run, speech_cache())
    assert [len(next(each)) for each in (batches, others, batches)] == [2, 2, 1]


@pytest.mark.usefixtures("batches_of_two")
def test_a_run_that_has_ended_keeps_no_list() -> None:
    for end in (list, next):
        run, batches = begun(5)
        assert PruneBatch.objects.count() == 3
        end(batches)
        pruning.stop_prune(run)
        assert not PruneBatch.objects.exists()


def test_freed_bytes_are_the_stored_bytes_after_compression() -> None:
    keep("Text.")
    Clip.objects.update(audio_file_size=1_000, stored_size=400)
    assert pruning.plan_prune(find_stale(DAYS), DAYS, "ana").listed_bytes == 400
    run, batches = begun(0)
    list(batches)
    run.refresh_from_db()
    assert run.freed_bytes == 400


@pytest.mark.usefixtures("batches_of_two")
def test_a_prune_reports_what_it_removed() -> None:
    keep("Held.")
    Pin.objects.create(content_hash=speech("Held.").content_hash, reason="bank")
    run, batches = begun(3)
    list(batches)
    run.refresh_from_db()

    assert (run.state, run.requested_by, run.days) == ("done", "ana", DAYS)
    assert (run.listed, run.removed, run.kept_back, run.freed_bytes) == (3, 3, 1, 15)
    assert run.remake_cost_microusd == 3 * len("Text 0.") * 30
    assert run.finished_at is not None


def test_only_one_prune_works_at_a_time() -> None:
    cache = speech_cache()
    with pruning.alone(cache), pytest.raises(Busy, match="being removed"), pruning.alone(cache, 0):
        pass
    with pruning.alone(cache, 0):
        pass


@pytest.mark.parametrize("days", ["0", "-1", "36501"])
def test_prune_days_start_at_one(days: str) -> None:
    stale = keep("Nobody asks for this.")
    with pytest.raises(CommandError, match="from 1 to 36500"):
        said("--days", days)
    assert is_known(stale)


def test_a_prune_leaves_no_object_in_the_bucket(s3: S3Server, clips_bucket: str) -> None:
    keep("Nobody asks for this.")
    assert s3.objects(clips_bucket)
    said()
    assert not any("/" in name for name in s3.objects(clips_bucket))


def test_a_prune_removes_records_while_the_bucket_is_down_and_objects_later(
    s3: S3Server, clips_bucket: str
) -> None:
    stale = keep("Nobody asks for this.")
    s3.stop()
    said()
    assert not is_known(stale)
    s3.start()
    wiring.forget()
    storage = wiring.storage_tier()
    assert storage is not None
    storage.sweep()
    assert not any("/" in name for name in s3.objects(clips_bucket))
