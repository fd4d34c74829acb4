"""Remaking a clip: the old one plays until the new one is stored, and nothing is paid twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from harness.clips import hum, speech, spoken
from harness.fake_voice import FakeVoice
from harness.retirement_day import stand_before_shutdown
from harness.waiting import wait_until
from ttscache import warming
from ttscache.cache import GenerationJob, Hit
from ttscache.coordination.leases import Leases
from ttscache.errors import ProviderFailed
from ttscache.generation.synthesizer import Synthesizer
from ttscache.maintenance.invalidation import InvalidationFollower
from ttscache.models import Clip, ClipFile, Invalidation, Lease, Spending, WarmItem, WarmRun
from ttscache.reports.storage import GROWTH_DAYS, _bytes_a_day
from ttscache.warming import ClipSpec, remaking, worker
from ttscache.wiring import forget, speech_cache

pytestmark = pytest.mark.django_db(transaction=True)
REQUEST = speech("Where did it begin?")
WANTED = [ClipSpec(REQUEST, "question")]
OLD, NEW = spoken(REQUEST), hum(2, level=4_000)


@pytest.fixture(autouse=True)
def voice() -> Iterator[FakeVoice]:
    """A voice that has spoken the clip once and would speak it differently now."""
    voice = FakeVoice()
    speech_cache().generator.synthesizer = Synthesizer(voice, speech_cache().ledger)
    speech_cache().generate(GenerationJob(REQUEST, "question")).recording.result()
    voice.calls.clear()
    voice.audio = NEW
    yield voice
    voice.may_go_on.set()
    speech_cache().finish_recordings(5)


class WatchedLeases(Leases):
    """Leases that signal when somebody has looked up the holder."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.is_tried = threading.Event()

    def holder(self, name: str) -> Lease | None:
        found = super().holder(name)
        self.is_tried.set()
        return found


def make_again() -> WarmRun:
    run = remaking.start_remake("again", remaking.plan_remakes(WANTED))
    worker.work(seconds=20)
    run.refresh_from_db()
    return run


def heard() -> bytes:
    found = speech_cache().find(REQUEST.content_hash)
    assert isinstance(found, Hit)
    return found.entry.audio


def item_state_and_reason() -> tuple[str, str]:
    item = WarmItem.objects.get()
    return item.state, item.reason


def test_a_remade_clip_has_a_new_address() -> None:
    before = Clip.objects.get()
    assert make_again().state == WarmRun.State.DONE
    after = Clip.objects.get()
    assert heard() == NEW
    assert after.checksum != before.checksum, "the address ends in it"
    assert (after.pk, after.duration_ms) == (before.pk, 2_000)


def test_the_old_clip_plays_while_it_is_remade(voice) -> None:
    voice.may_go_on.clear()
    item = remaking.start_remake("again", remaking.plan_remakes(WANTED)).items.get()
    making = speech_cache().generate(GenerationJob(REQUEST, "question", newer_than=item.newer_than))
    wait_until(lambda: voice.speaking == 1, "the voice speaks")
    found = speech_cache().get_or_generate(GenerationJob(REQUEST, "question"))
    assert (isinstance(found, Hit), heard()) == (True, OLD)
    voice.may_go_on.set()
    assert making.recording.result().audio == heard() == NEW


def test_a_failed_remake_leaves_the_old_clip(voice) -> None:
    voice.fails_on = REQUEST.text
    assert make_again().state == WarmRun.State.FAILED
    assert heard() == OLD
    assert Clip.objects.get().is_ready
    assert not Invalidation.objects.exists()


def test_a_remake_that_no_tier_stores_leaves_the_old_clip(monkeypatch) -> None:
    monkeypatch.setattr(speech_cache().tiers, "permanents", ())  # no permanent tier stores it
    assert make_again().state == WarmRun.State.FAILED
    assert heard() == OLD


def test_a_remake_drops_the_copies_of_other_processes() -> None:
    elsewhere = speech_cache()
    follower = InvalidationFollower(elsewhere)
    follower.follow()
    forget()  # from here on this stands for another process
    speech_cache().generator.synthesizer = elsewhere.synthesizer
    make_again()
    assert elsewhere.find(REQUEST.content_hash).entry.audio == OLD  # type: ignore[union-attr]
    follower.follow()
    assert elsewhere.find(REQUEST.content_hash).entry.audio == NEW  # type: ignore[union-attr]


def test_a_late_copy_of_the_old_clip_is_dropped_after_a_remake() -> None:
    cache = speech_cache()
    follower = InvalidationFollower(cache)
    follower.follow()
    late = cache.find(REQUEST.content_hash)
    make_again()
    follower.follow()
    for tier in cache.tiers.local:
        tier.put(late.entry)  # type: ignore[union-attr]
    follower.follow()
    assert heard() == NEW


def test_a_remade_clip_has_its_own_object_name(clips_bucket) -> None:
    speech_cache().generator.synthesizer = Synthesizer(FakeVoice(), speech_cache().ledger)
    make_again()
    first = Clip.objects.get()  # stored in the bucket
    make_again()
    assert (heard(), Clip.objects.get().stored_in) == (OLD, "storage")
    assert Clip.objects.get().audio_file_path != first.audio_file_path
    assert not speech_cache().tiers.permanent.has_bytes(first), "nobody else could have had its address"


def test_an_item_whose_maker_died_after_the_clip_was_kept_is_not_paid_twice(voice) -> None:
    run = make_again()
    run.items.update(state=WarmItem.State.MAKING, owner="a process that was killed")
    WarmRun.objects.update(state=WarmRun.State.RUNNING)
    worker.work(seconds=20)
    assert (len(voice.calls), item_state_and_reason()[0]) == (1, WarmItem.State.SKIPPED)


def test_a_remake_whose_worker_died_early_is_made_by_the_next(voice) -> None:
    run = remaking.start_remake("again", remaking.plan_remakes(WANTED))
    run.items.update(state=WarmItem.State.MAKING, owner="a process that was killed", attempts=1)
    worker.work(seconds=20)
    assert (len(voice.calls), item_state_and_reason()[0]) == (1, WarmItem.State.DONE)


def test_two_requests_for_one_remake_pay_once(voice) -> None:
    planned = remaking.plan_remakes(WANTED)  # both colleagues have opened the page with this plan
    for requested_by in ("ana", "ben"):
        remaking.start_remake(f"again, {requested_by}", planned, requested_by=requested_by)
    worker.work(seconds=20)
    assert len(voice.calls) == 1
    assert sorted(WarmItem.objects.values_list("state", flat=True)) == ["done", "skipped"]


def test_a_remake_under_way_is_not_requested_again() -> None:
    remaking.start_remake("again", remaking.plan_remakes(WANTED))
    assert remaking.plan_remakes(WANTED).clips == ()


def test_a_clip_without_audio_is_made_and_not_remade() -> None:
    missing = ClipSpec(speech("And then?"), "question")
    assert remaking.plan_remakes([*WANTED, missing]).characters == len(REQUEST.text)


def test_a_remake_follows_a_lease_that_made_nothing_and_makes_the_clip(voice) -> None:
    speech_cache().generator.leases = leases = WatchedLeases(8)
    held = leases.acquire(REQUEST.content_hash)
    assert held is not None
    making = speech_cache().generate(GenerationJob(REQUEST, "question", newer_than=timezone.now()))
    assert leases.is_tried.wait(30), "it follows"
    leases.release(held)
    assert making.recording.result().audio == NEW


def test_a_remake_makes_every_part_of_a_clip_anew(voice) -> None:
    long = speech("This sentence is said in one of its parts. " * 30)
    voice.audio = None
    speech_cache().generate(GenerationJob(long, "question")).recording.result()
    first = len(voice.calls)
    speech_cache().generate(GenerationJob(long, "question", newer_than=timezone.now())).recording.result()
    assert len(voice.calls) == 2 * first > 2


def test_a_remake_is_booked_as_spending(voice) -> None:
    make_again()
    speech_cache().ledger.flush()
    assert sum(Spending.objects.values_list("calls", flat=True)) == 2


def test_a_failed_remake_can_be_tried_again(voice) -> None:
    voice.errors = [ProviderFailed()] * 3
    run = make_again()
    assert run.state == WarmRun.State.FAILED
    warming.retry_failed(run)
    worker.work(seconds=20)
    assert (heard(), item_state_and_reason()[0]) == (NEW, WarmItem.State.DONE)


def test_a_remake_with_equal_bytes_changes_nothing(voice) -> None:
    voice.audio = OLD
    make_again()
    assert (heard(), Invalidation.objects.count(), ClipFile.objects.count()) == (OLD, 0, 1)


def test_a_remake_accepts_a_clip_made_since_it_was_requested(voice) -> None:
    requested_at = timezone.now()
    Clip.objects.update(stored_at=requested_at + timedelta(seconds=1))
    speech_cache().generate(GenerationJob(REQUEST, "question", newer_than=requested_at)).recording.result()
    assert voice.calls == []


def grown() -> int:
    return round(_bytes_a_day() * GROWTH_DAYS)


def test_a_remake_grows_storage_by_the_difference() -> None:
    before = ClipFile.objects.get().file_size
    Clip.objects.update(stored_at=timezone.now() - timedelta(days=GROWTH_DAYS + 1))
    make_again()
    assert grown() == ClipFile.objects.get().file_size - before


def test_a_new_clip_grows_storage_by_its_size() -> None:
    make_again()
    assert grown() == ClipFile.objects.get().file_size


# --- when the model retires ---------------------------------------------------------------------------------
def test_a_clip_can_be_remade_while_its_model_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_before_shutdown(1, monkeypatch)
    assert make_again().state == WarmRun.State.DONE
    assert heard() == NEW


def test_no_clip_is_marked_for_a_remake_after_its_model_retired(
    voice: FakeVoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_before_shutdown(0, monkeypatch)
    assert remaking.plan_remakes(WANTED).clips == ()
    warming.start_run("again", WANTED, remake=True)
    assert not WarmItem.objects.exists()
    worker.work(seconds=20)
    assert (heard(), voice.calls) == (OLD, [])


def test_a_queued_remake_of_a_retired_model_fails_without_a_call_and_keeps_the_old_clip(
    voice: FakeVoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = remaking.start_remake("again", remaking.plan_remakes(WANTED))
    stand_before_shutdown(0, monkeypatch)
    worker.work(seconds=20)
    run.refresh_from_db()
    assert run.state == WarmRun.State.FAILED
    assert item_state_and_reason() == ("failed", worker.MODEL_RETIRED)
    assert (heard(), voice.calls) == (OLD, [])


def test_a_failed_remake_keeps_the_old_bytes_while_the_model_answers(
    voice: FakeVoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_before_shutdown(1, monkeypatch)
    voice.fails_on = REQUEST.text
    assert make_again().state == WarmRun.State.FAILED
    assert heard() == OLD
