"""Workers take, leave and put back items: slots, dead workers, budget, an overloaded provider."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django_q.models import OrmQ

from harness.clips import speech
from harness.fake_voice import FakeVoice
from harness.waiting import wait_until
from harness.warm_runs import finished, states, workers_enqueued
from ttscache import tasks, warming
from ttscache.accounting.budget import Budget
from ttscache.cache import GenerationJob
from ttscache.coordination.hosts import this_host
from ttscache.errors import Busy, ProviderFailed, ProviderTimeout, ProviderUnavailable
from ttscache.generation.circuit_breaker import FAILURES_IN_A_ROW, CircuitBreaker
from ttscache.models import Clip, Lane, Lease, ProcessReport, WarmItem, WarmRun
from ttscache.tiers import Entry
from ttscache.warming import ClipSpec, remaking, worker
from ttscache.wiring import speech_cache

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("voice")]
WANTED = [
    ClipSpec(speech(f"This is question number {word}."), "question")
    for word in ("one", "two", "three", "four")
]


def end_cooldown() -> None:
    Lease.objects.filter(name=worker.RATE_LIMIT).update(until=Now())


def test_an_item_whose_maker_died_is_made_by_the_next(voice: FakeVoice) -> None:
    run = warming.start_run("here", WANTED)
    run.items.update(state=WarmItem.State.MAKING, owner="a process that was killed", attempts=1)

    assert finished(run).state == WarmRun.State.DONE
    assert len(voice.calls) == 4


def test_an_item_whose_maker_lives_is_left_alone() -> None:
    run = warming.start_run("here", WANTED)
    Lease.objects.create(name="warm-slot:99", owner="somebody", until=Now() + timedelta(seconds=60))
    run.items.filter(position=0).update(state=WarmItem.State.MAKING, owner="somebody")
    finished(run)

    assert states(run) == ["making", "done", "done", "done"]
    assert run.state == WarmRun.State.RUNNING


def test_an_item_that_ends_its_process_again_and_again_is_given_up() -> None:
    run = warming.start_run("here", WANTED)
    run.items.filter(position=0).update(
        state=WarmItem.State.MAKING, owner="killed", attempts=worker.MAX_ATTEMPTS
    )

    assert finished(run).state == WarmRun.State.FAILED
    assert states(run) == ["failed", "done", "done", "done"]


def test_a_worker_makes_nothing_while_others_hold_every_slot(voice: FakeVoice) -> None:
    for lane in range(5):
        Lease.objects.create(name=f"warm-slot:{lane}", owner="others", until=Now() + timedelta(seconds=60))
    finished(warming.start_run("here", WANTED))

    assert voice.calls == []


def test_a_task_that_finds_every_slot_taken_enqueues_no_worker() -> None:
    warming.start_run("here", WANTED)
    OrmQ.objects.all().delete()
    for lane in range(5):
        Lease.objects.create(name=f"warm-slot:{lane}", owner="others", until=Now() + timedelta(seconds=60))
    tasks.make_queued_clips()

    assert OrmQ.objects.count() == 0


def test_a_worker_of_one_run_takes_no_item_of_another(voice: FakeVoice) -> None:
    mine = warming.start_run("mine", WANTED[:1])
    warming.start_run("another", WANTED[1:])
    worker.work(seconds=20, runs=[mine])

    assert [call.text for call in voice.calls] == [WANTED[0].speech.text]


def test_a_stopping_worker_takes_no_new_item(voice: FakeVoice) -> None:
    warming.start_run("here", WANTED)
    worker.work(seconds=20, should_stop=lambda: True)

    assert voice.calls == []
    assert worker.is_work_left()


def budget_of(usd: float) -> Budget:
    """Set the daily budget of this process."""
    speech_cache().synthesizer.budget = Budget(usd)
    return speech_cache().synthesizer.budget


def test_a_run_beyond_the_budget_pauses_and_resumes_when_money_is_left(voice: FakeVoice) -> None:
    budget = budget_of(2.5 * max(len(wanted.speech.text) for wanted in WANTED) * 30 / 1e6)
    run = finished(warming.start_run("here", WANTED))

    assert (run.state, run.paused_because) == (WarmRun.State.PAUSED, WarmRun.Pause.BUDGET)
    assert sorted(states(run)) == ["done", "done", "queued", "queued"]
    warming.resume_paused(budget)
    run.refresh_from_db()
    assert run.state == WarmRun.State.PAUSED, "there is no room yet"
    warming.resume_paused(budget_of(1))
    assert finished(run).state == WarmRun.State.DONE
    assert run.paused_because == ""
    assert len(voice.calls) == len(WANTED)


def test_requesting_a_paused_run_again_joins_it(voice: FakeVoice) -> None:
    budget_of(1.5 * max(len(wanted.speech.text) for wanted in WANTED) * 30 / 1e6)
    run = finished(warming.start_run("here", WANTED))

    assert warming.start_run("here", WANTED) == run
    assert len(voice.calls) == 1


def test_items_wait_without_losing_an_attempt_while_the_provider_is_down(voice: FakeVoice) -> None:
    voice.is_in_good_health = False
    for _ in range(FAILURES_IN_A_ROW):
        speech_cache().synthesizer.circuit.count(ProviderUnavailable())
    run = finished(warming.start_run("here", WANTED))

    assert run.state in WarmRun.ACTIVE
    assert states(run) == ["queued"] * 4
    assert set(run.items.values_list("attempts", flat=True)) == {0}
    assert voice.calls == []
    voice.is_in_good_health = True
    speech_cache().synthesizer.circuit = CircuitBreaker(voice.is_well)  # the next heartbeat
    end_cooldown()
    assert finished(run).state == WarmRun.State.DONE


def test_a_clip_that_costs_more_than_a_daily_budget_does_not_hold_up_the_others(voice: FakeVoice) -> None:
    dear = ClipSpec(
        speech("This is a text that is far too long for what may be spent in one day. " * 5), "question"
    )
    budget_of(4.5 * max(len(wanted.speech.text) for wanted in WANTED) * 30 / 1e6)
    run = finished(warming.start_run("here", [dear, *WANTED]))

    assert run.state == WarmRun.State.FAILED
    assert sorted(states(run)) == ["done"] * 4 + ["failed"]
    assert run.items.get(state="failed").reason == "It costs more than may be spent in a day."


def test_items_keep_their_place_while_the_provider_does_not_answer(voice: FakeVoice) -> None:
    voice.errors = [ProviderUnavailable(retry_after_seconds=60)] * 5
    run = finished(warming.start_run("here", WANTED))

    assert run.state in WarmRun.ACTIVE
    assert WarmItem.State.FAILED not in states(run)


class TestOverloadedProvider:
    @pytest.fixture
    def run(self, voice: FakeVoice) -> WarmRun:
        voice.errors = [ProviderUnavailable(retry_after_seconds=60)] * 5
        return finished(warming.start_run("here", WANTED))

    def test_items_wait_and_say_why_while_the_provider_is_overloaded(self, run: WarmRun) -> None:
        assert states(run) == ["queued"] * 4
        assert f"Waits: {ProviderUnavailable().for_staff()}" in run.items.values_list("reason", flat=True)
        assert set(run.items.values_list("attempts", flat=True)) == {0}

    def test_background_work_waits_as_long_as_an_overloaded_provider_asks(
        self, run: WarmRun, voice: FakeVoice
    ) -> None:
        calls_before = len(voice.calls)
        OrmQ.objects.all().delete()
        tasks.make_queued_clips()
        tasks.heartbeat()
        assert Lease.objects.filter(name=worker.RATE_LIMIT, until__gt=Now() + timedelta(seconds=50)).exists()
        assert (len(voice.calls), workers_enqueued()) == (calls_before, 0)

    def test_a_listener_may_still_try_an_overloaded_provider(self, run: WarmRun, voice: FakeVoice) -> None:
        voice.errors = []
        making = speech_cache().generate(GenerationJob(speech("A listener asks for this."), "question"))
        making.recording.result()
        assert voice.calls[-1].text == "A listener asks for this."

    def test_all_items_are_made_after_the_overload(self, run: WarmRun, voice: FakeVoice) -> None:
        voice.errors = []

        def is_done() -> bool:  # while one slot makes the trial call, the others start the cooldown again
            end_cooldown()
            return finished(run).state == WarmRun.State.DONE

        wait_until(is_done, "the end of the run")
        assert set(run.items.values_list("reason", flat=True)) == {""}


def test_late_answers_of_a_provider_that_fails_for_all_are_waited_out(voice: FakeVoice) -> None:
    speech_cache().synthesizer.circuit = CircuitBreaker(voice.is_well)
    voice.errors = [ProviderTimeout() for _ in range(FAILURES_IN_A_ROW)]
    run = warming.start_run("here", WANTED)
    for _ in range(FAILURES_IN_A_ROW - 1):
        speech_cache().synthesizer.circuit.count(ProviderTimeout())
    finished(run)
    assert WarmItem.State.FAILED not in states(run)
    voice.errors = []
    speech_cache().synthesizer.circuit = CircuitBreaker(voice.is_well)  # the next heartbeat
    end_cooldown()
    assert finished(run).state == WarmRun.State.DONE


def test_late_answers_are_waited_out_only_so_often_because_they_may_cost(
    voice: FakeVoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ttscache.generation.circuit_breaker.FIRST_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr("ttscache.generation.circuit_breaker.LONGEST_PAUSE_SECONDS", 0.0)
    voice.fails_on = "one"
    run = warming.start_run("here", WANTED[:1])
    for _ in range(FAILURES_IN_A_ROW):
        speech_cache().synthesizer.circuit.count(ProviderFailed())
    for _ in range(worker.MAX_ATTEMPTS):
        end_cooldown()
        finished(run)
    assert (run.state, len(voice.calls)) == (WarmRun.State.FAILED, worker.MAX_ATTEMPTS)
    assert run.items.get().reason == ProviderFailed().for_staff()


class TestBrokenText:
    """A text that waits until staff ask; requests of listeners and schedules do not count."""

    CALLS = 1  # the next refusal for one fault is the last

    @pytest.fixture(autouse=True)
    def refused(self, voice: FakeVoice) -> None:
        voice.audio = b""
        for _ in range(2):
            finished(warming.start_run("here", WANTED[:1]))
        voice.calls.clear()

    def test_an_automatic_run_does_not_pay_for_a_broken_text(self, voice: FakeVoice) -> None:
        run = finished(warming.start_run("by itself", WANTED[:1], automatic=True))
        assert (states(run), voice.calls) == (["failed"], [])
        assert run.items.get().reason.endswith("It is made again only when you ask for it.")

    def test_a_run_of_a_listener_does_not_pay_for_a_broken_text(self, voice: FakeVoice) -> None:
        finished(warming.start_run("prefetch", WANTED[:1], lane=Lane.PREFETCH))
        assert voice.calls == []

    def test_a_run_started_by_staff_tries_a_broken_text_again(self, voice: FakeVoice) -> None:
        finished(warming.start_run("staff", WANTED[:1]))
        assert len(voice.calls) == self.CALLS

    def test_a_run_retried_by_staff_tries_a_broken_text_again(self, voice: FakeVoice) -> None:
        voice.audio = None
        run = WarmRun.objects.filter(scope="here").latest("created_at")
        assert warming.retry_failed(run) == run
        assert finished(run).state == WarmRun.State.DONE

    def test_a_remake_requested_by_staff_is_tried_for_a_broken_text(self, voice: FakeVoice) -> None:
        Clip.objects.update(stored_at=Now())
        voice.audio = None
        finished(remaking.start_remake("again", remaking.plan_remakes(WANTED[:1])))
        assert len(voice.calls) == 1


def test_a_process_without_a_thread_to_spare_fails_no_item(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_thread(*_: object, **__: object) -> None:
        raise Busy

    monkeypatch.setattr(speech_cache(), "generate", no_thread)
    assert states(finished(warming.start_run("here", WANTED))) == ["queued"] * 4


def test_a_worker_that_lost_its_slot_takes_no_more_items(
    voice: FakeVoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that is stopped or cut off for too long loses its slot to another worker."""
    monkeypatch.setattr(speech_cache().leases, "is_held", lambda held: False)
    finished(warming.start_run("here", WANTED))
    assert voice.calls == []


def test_a_worker_with_a_share_leaves_other_slots_to_the_workers_it_enqueues(voice: FakeVoice) -> None:
    """The enqueued workers may run on other hosts or in the same cluster."""
    for host in ("another", "a third"):
        ProcessReport.objects.create(host=host, process="cluster", reported_at=Now())
    warming.start_run("here", WANTED)
    voice.may_go_on.clear()
    free_then: list[bool] = []

    def look() -> None:
        free_then.append(worker.is_slot_free())
        wait_until(lambda: len(voice.calls) == 1, "work in its own slot")
        voice.may_go_on.set()

    worker.work_share(when_begun=look)
    assert (free_then, voice.peak) == ([True], 1)


@pytest.mark.parametrize(("hosts", "at_once"), [(0, 3), (1, 3), (2, 2), (5, 1)])
def test_a_worker_takes_half_of_its_hosts_share_of_the_slots_and_enqueues_another(
    voice: FakeVoice, hosts: int, at_once: int
) -> None:
    for host in [this_host(), *(f"host {number}" for number in range(1, hosts))][:hosts]:
        ProcessReport.objects.create(host=host, process="cluster", reported_at=Now())
    ProcessReport.objects.create(
        host="long gone", process="cluster", reported_at=Now() - timedelta(seconds=60)
    )
    warming.start_run("here", WANTED)
    OrmQ.objects.all().delete()
    tasks.make_queued_clips()
    assert voice.peak <= at_once
    assert workers_enqueued() == 1


def test_a_worker_starts_the_next_clip_while_the_last_one_is_being_stored(
    voice: FakeVoice, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TTSCACHE = {**settings.TTSCACHE, "warm_concurrency": 1}
    keep = speech_cache().tiers.permanent.put

    def keep_later(entry: Entry) -> None:
        wait_until(lambda: len(voice.calls) > 1, "the next call")
        keep(entry)

    monkeypatch.setattr(speech_cache().tiers.permanent, "put", keep_later)
    assert finished(warming.start_run("here", WANTED)).state == WarmRun.State.DONE
    assert voice.peak == 1
