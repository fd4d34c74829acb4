"""Warm runs are paused, resumed, cancelled and retried, and their lanes set the order."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_q.models import OrmQ

from harness.clips import speech
from harness.fake_voice import FakeVoice
from harness.waiting import wait_until
from harness.warm_runs import finished, states
from ttscache import warming
from ttscache.accounting.budget import Budget
from ttscache.errors import ProviderFailed
from ttscache.generation.synthesizer import Synthesizer
from ttscache.models import Clip, Lane, WarmItem, WarmRun
from ttscache.warming import ClipSpec, worker
from ttscache.warming.progress import progress_of
from ttscache.wiring import speech_cache

pytestmark = pytest.mark.django_db(transaction=True)
WANTED = [
    ClipSpec(speech(f"This is question number {word}."), "question")
    for word in ("one", "two", "three", "four")
]
STAFF, BUDGET = WarmRun.Pause.STAFF, WarmRun.Pause.BUDGET


@pytest.fixture(autouse=True)
def voice(settings: Any) -> Iterator[FakeVoice]:
    settings.TTSCACHE = {
        **settings.TTSCACHE,
        "warm_concurrency": 1,
    }  # one clip after another, so the order is fixed
    voice = FakeVoice()
    speech_cache().generator.synthesizer = Synthesizer(voice, speech_cache().ledger)
    yield voice
    voice.may_go_on.set()
    speech_cache().finish_recordings(5)


@pytest.fixture
def run() -> WarmRun:
    return warming.start_run("here", WANTED)


def made(voice: FakeVoice) -> list[str]:
    """Return the distinctive word of each text, in the order of the calls."""
    return [call.text.rstrip(".").split()[-1] for call in voice.calls]


@contextmanager
def under_way(voice: FakeVoice) -> Iterator[None]:
    """Run the block while the first clip is being made; then finish it and the clips that may follow."""

    def work() -> None:
        try:
            worker.work(seconds=20)
        finally:
            connections.close_all()

    voice.may_go_on.clear()
    with ThreadPoolExecutor(1) as thread:
        working_now = thread.submit(work)
        wait_until(lambda: voice.calls, "a clip under way")
        try:
            yield
        finally:
            voice.may_go_on.set()
            working_now.result()


class TestPause:
    def test_a_paused_run_finishes_its_clip_and_begins_no_other(self, run: WarmRun, voice: FakeVoice) -> None:
        with under_way(voice):
            assert warming.pause(run, STAFF)
        run.refresh_from_db()
        assert (run.state, run.paused_because) == ("paused", "staff")
        assert states(run) == ["done", "queued", "queued", "queued"]
        assert Clip.objects.with_audio().count() == len(voice.calls) == 1

    def test_a_run_paused_by_staff_resumes_only_on_their_request(self, run: WarmRun) -> None:
        warming.pause(run, STAFF)
        warming.resume_paused(Budget(None))
        assert finished(run).state == WarmRun.State.PAUSED
        assert warming.resume(run)
        assert finished(run).state == WarmRun.State.DONE

    def test_a_request_that_joins_a_paused_run_leaves_it_paused(self, run: WarmRun, voice: FakeVoice) -> None:
        warming.pause(run, STAFF)
        assert warming.start_run("here", WANTED) == run
        assert finished(run).state == WarmRun.State.PAUSED
        assert voice.calls == []

    def test_staff_can_pause_a_run_that_waits_for_the_budget_and_the_budget_cannot_replace_their_pause(
        self, run: WarmRun
    ) -> None:
        assert warming.pause(run, BUDGET)
        assert warming.pause(run, STAFF)
        assert not warming.pause(run, BUDGET)
        run.refresh_from_db()
        assert run.paused_because == STAFF

    def test_a_restored_budget_does_not_resume_a_run_paused_by_staff(self, run: WarmRun) -> None:
        warming.pause(run, BUDGET)
        seen = WarmRun.objects.get(pk=run.pk)
        warming.pause(run, STAFF)
        assert not warming.resume(seen, paused_because=BUDGET)
        run.refresh_from_db()
        assert (run.state, run.paused_because) == (WarmRun.State.PAUSED, STAFF)

    def test_an_ended_run_is_neither_paused_nor_resumed(self, run: WarmRun) -> None:
        finished(run)
        assert not warming.pause(run, STAFF)
        assert not warming.resume(run)

    def test_resuming_a_run_enqueues_workers(self, run: WarmRun) -> None:
        warming.pause(run, STAFF)
        OrmQ.objects.all().delete()
        warming.resume(run)
        assert OrmQ.objects.count() == 1


class TestCancel:
    def test_a_cancelled_run_has_no_queued_or_taken_item(self, run: WarmRun, voice: FakeVoice) -> None:
        assert warming.cancel(run)
        assert finished(run).state == WarmRun.State.CANCELLED
        assert states(run) == ["cancelled"] * 4
        assert set(run.items.values_list("reason", flat=True)) == {warming.CANCELLED}
        assert (voice.calls, worker.is_work_left(), run.finished_at is None) == ([], False, False)

    def test_a_cancelled_run_finishes_and_keeps_the_clip_under_way(
        self, run: WarmRun, voice: FakeVoice
    ) -> None:
        with under_way(voice):
            assert warming.cancel(run)
            assert states(run) == ["cancelled"] * 4
        assert states(run) == ["done", "cancelled", "cancelled", "cancelled"]
        assert "finished and kept" in run.items.get(state="done").reason
        assert Clip.objects.with_audio().count() == len(voice.calls) == 1
        run.refresh_from_db()
        assert run.state == WarmRun.State.CANCELLED

    def test_an_ended_run_is_not_cancelled(self, run: WarmRun) -> None:
        assert not warming.cancel(finished(run))
        assert states(run) == ["done"] * 4

    def test_a_request_after_a_cancelled_run_gets_a_new_run(self, run: WarmRun) -> None:
        warming.cancel(run)
        again = warming.start_run("here", WANTED)
        assert again != run
        assert finished(again).state == WarmRun.State.DONE


class TestTryAgain:
    @pytest.fixture
    def failed(self, run: WarmRun, voice: FakeVoice) -> WarmRun:
        voice.fails_on = "two"
        finished(run)
        assert (run.state, states(run)) == ("failed", ["done", "failed", "done", "done"])
        assert run.items.get(state="failed").reason == ProviderFailed().for_staff()
        voice.fails_on = ""
        voice.calls.clear()
        return run

    def test_a_retry_repeats_only_failed_items_in_their_run(self, failed: WarmRun, voice: FakeVoice) -> None:
        assert warming.retry_failed(failed) == failed
        assert finished(failed).state == WarmRun.State.DONE
        assert made(voice) == ["two"]

    def test_a_retry_joins_the_run_under_way(self, failed: WarmRun, voice: FakeVoice) -> None:
        later = warming.start_run("here", [*WANTED[2:], ClipSpec(speech("This is number five."), "question")])
        assert warming.retry_failed(failed) == later
        assert finished(later).state == WarmRun.State.DONE
        failed.refresh_from_db()
        assert failed.state == WarmRun.State.FAILED
        assert sorted(made(voice)) == ["five", "two"]

    def test_a_retry_without_failed_items_changes_nothing(self, run: WarmRun) -> None:
        finished(run)
        OrmQ.objects.all().delete()
        assert warming.retry_failed(run) is None
        run.refresh_from_db()
        assert run.state == WarmRun.State.DONE
        assert OrmQ.objects.count() == 0

    def test_a_second_press_of_retry_changes_nothing(self, failed: WarmRun) -> None:
        assert warming.retry_failed(failed) == failed
        assert warming.retry_failed(failed) is None

    def test_a_failed_item_is_not_retried_for_listeners_within_the_hour(
        self, failed: WarmRun, voice: FakeVoice
    ) -> None:
        before = len(voice.calls)
        for _ in range(3):
            warming.prioritize("ahead", WANTED)
            assert warming.start_run("here", WANTED, lane=Lane.PREFETCH) == failed
        worker.work(seconds=20)
        assert (len(voice.calls), WarmRun.objects.count()) == (before, 1)

    def test_a_failed_item_is_retried_for_listeners_after_an_hour(
        self, failed: WarmRun, voice: FakeVoice
    ) -> None:
        failed.items.update(finished_at=timezone.now() - timedelta(minutes=61))
        warming.prioritize("ahead", WANTED)
        worker.work(seconds=20)
        assert Clip.objects.with_audio().count() == len(WANTED)

    def test_a_retry_skips_clips_that_others_made_meanwhile(self, failed: WarmRun, voice: FakeVoice) -> None:
        finished(warming.start_run("there", WANTED))
        assert warming.retry_failed(failed) == failed
        finished(failed)
        assert made(voice) == ["two"]
        assert failed.items.get(position=1).reason == warming.WAS_THERE


class TestLanes:
    def test_workers_take_the_faster_lane_first(self, run: WarmRun, voice: FakeVoice) -> None:
        warming.start_run(
            "listener", [ClipSpec(speech("A listener hears five."), "question")], lane=Lane.PREFETCH
        )
        finished(run)
        assert made(voice) == ["five", "one", "two", "three", "four"]

    def test_joining_in_a_faster_lane_moves_the_clips_to_it(self, run: WarmRun, voice: FakeVoice) -> None:
        warming.start_run("here", WANTED[2:], lane=Lane.PREFETCH)
        finished(run)
        assert made(voice) == ["three", "four", "one", "two"]

    def test_joining_in_a_slower_lane_moves_no_clip(self) -> None:
        run = warming.start_run("here", WANTED[:2], lane=Lane.PREFETCH)
        warming.start_run("here", WANTED)
        assert list(run.items.values_list("lane", flat=True)) == [1, 1, 2, 2]

    def test_expediting_moves_waiting_clips_of_any_run_without_a_second_item(
        self, run: WarmRun, voice: FakeVoice
    ) -> None:
        warming.prioritize("listener", WANTED[3:])
        assert list(WarmRun.objects.all()) == [run]
        assert WarmItem.objects.count() == 4
        finished(run)
        assert made(voice) == ["four", "one", "two", "three"]

    def test_expediting_puts_other_clips_into_their_own_run(self, run: WarmRun, voice: FakeVoice) -> None:
        warming.prioritize("listener", [*WANTED[3:], ClipSpec(speech("A listener hears five."), "question")])
        finished(run)
        assert [item.clip.content_text for item in WarmItem.objects.filter(run__scope="listener")] == [
            "A listener hears five."
        ]
        assert set(made(voice)[:2]) == {"four", "five"}

    def test_expediting_writes_nothing_when_no_clip_is_missing(self, run: WarmRun) -> None:
        finished(run)
        OrmQ.objects.all().delete()
        with CaptureQueriesContext(connection) as queries:
            warming.prioritize("listener", WANTED)
        assert [query["sql"][:6] for query in queries] == ["SELECT"]
        assert (WarmRun.objects.count(), OrmQ.objects.count()) == (1, 0)

    def test_joining_with_new_clips_enqueues_workers_and_joining_without_does_not(self, run: WarmRun) -> None:
        WarmRun.objects.update(state=WarmRun.State.RUNNING)
        OrmQ.objects.all().delete()
        warming.start_run("here", WANTED)
        assert OrmQ.objects.count() == 0
        warming.start_run("here", [ClipSpec(speech("This is number five."), "question")])
        assert OrmQ.objects.count() == 1


class TestProgress:
    def at_work_for(self, run: WarmRun, seconds: float, **since: float) -> None:
        """Make the run look as if two clips took this time and two are left."""
        now = timezone.now()
        WarmRun.objects.filter(pk=run.pk).update(
            state=WarmRun.State.RUNNING,
            started_at=now - timedelta(**(since or {"seconds": seconds})),
            at_work_since=now - timedelta(seconds=seconds),
        )
        run.items.filter(position__lt=2).update(state="done", finished_at=now)
        run.refresh_from_db()

    def test_the_time_left_follows_the_measured_time_of_a_clip(self, run: WarmRun) -> None:
        self.at_work_for(run, 20)
        assert progress_of(run)["eta_seconds"] == 20

    def test_time_while_a_run_was_held_up_does_not_count_for_the_estimate(self, run: WarmRun) -> None:
        self.at_work_for(run, 20, days=2)
        assert progress_of(run)["eta_seconds"] == 20

    def test_clips_of_an_earlier_try_do_not_count_for_the_estimate(self, run: WarmRun) -> None:
        self.at_work_for(run, 20)
        run.items.filter(position=0).update(finished_at=timezone.now() - timedelta(days=2))
        assert progress_of(run)["eta_seconds"] == 40

    def test_a_paused_run_has_no_time_left(self, run: WarmRun) -> None:
        self.at_work_for(run, 20)
        warming.pause(run, STAFF)
        run.refresh_from_db()
        told = progress_of(run)
        assert (told["state"], told["paused_because"], told["eta_seconds"]) == ("paused", "staff", None)

    def test_a_run_counts_its_cancelled_items(self, run: WarmRun) -> None:
        self.at_work_for(run, 20)
        warming.cancel(run)
        run.refresh_from_db()
        told = progress_of(run)
        assert (told["done"], told["cancelled"], told["total"], told["eta_seconds"]) == (2, 2, 4, 0)

    def test_a_resumed_run_keeps_its_first_start(self, run: WarmRun, voice: FakeVoice) -> None:
        voice.fails_on = "two"
        begun = finished(run).started_at
        voice.fails_on = ""
        assert warming.retry_failed(run) == run
        again = finished(run)
        assert again.started_at == begun
        assert begun and again.at_work_since and again.at_work_since > begun
