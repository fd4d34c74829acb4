from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django_q.models import OrmQ

from ttscache import pulling, tasks, warming
from ttscache.analytics import progress_of
from ttscache.budget import Budget
from ttscache.circuit import FAILURES_IN_A_ROW, Circuit
from ttscache.errors import ProviderUnavailable, TextRefused
from ttscache.models import Claim, Clip, WarmItem, WarmRun
from ttscache.speaking import Speaker
from ttscache.tests.fakes import FakeVoice, speech
from ttscache.warming import Wanted
from ttscache.wiring import speech_cache

pytestmark = pytest.mark.django_db(transaction=True)
WANTED = [
    Wanted(speech(f"This is question number {word}."), "question") for word in ("one", "two", "three", "four")
]


@pytest.fixture(autouse=True)
def voice() -> Iterator[FakeVoice]:
    voice = FakeVoice()
    speech_cache().speaker = Speaker(voice, speech_cache().ledger)
    yield voice
    speech_cache().finish_recordings(5)


def states(run: WarmRun) -> list[str]:
    return list(run.items.values_list("state", flat=True))


def finished(run: WarmRun) -> WarmRun:
    pulling.pull(seconds=20)
    run.refresh_from_db()
    return run


def test_a_plan_says_what_there_is_to_make_and_writes_nothing() -> None:
    planned = warming.plan(WANTED)

    assert (len(planned.clips), len(planned.missing)) == (4, 4)
    assert planned.characters == sum(len(wanted.speech.text) for wanted in WANTED)
    assert planned.cost_usd == pytest.approx(planned.characters * 30 / 1e6)
    assert not Clip.objects.exists()


def test_a_run_makes_every_clip(voice: FakeVoice) -> None:
    run = finished(warming.start_run("here", WANTED))

    assert run.state == WarmRun.State.DONE
    assert states(run) == ["done"] * 4
    assert Clip.objects.with_audio().count() == len(voice.calls) == 4


def test_who_starts_the_same_again_joins_and_another_scope_gets_its_own() -> None:
    run = warming.start_run("here", WANTED)

    assert warming.start_run("here", WANTED) == run
    assert warming.start_run("there", WANTED) != run


def test_who_joins_with_further_clips_has_them_made_as_well(voice: FakeVoice) -> None:
    run = warming.start_run("here", WANTED[:2])
    assert warming.start_run("here", WANTED) == run
    finished(run)

    assert states(run) == ["done"] * 4
    assert len(voice.calls) == 4


def test_who_joins_has_what_failed_tried_again(voice: FakeVoice) -> None:
    run = warming.start_run("here", WANTED)
    run.items.filter(position=0).update(state="failed", reason="busy", attempts=3)
    warming.start_run("here", WANTED)
    finished(run)

    assert (run.state, states(run)) == (WarmRun.State.DONE, ["done"] * 4)


def test_where_nothing_is_missing_the_run_is_the_one_that_made_it(voice: FakeVoice) -> None:
    made = finished(warming.start_run("here", WANTED))
    OrmQ.objects.all().delete()
    run = warming.start_run("here", WANTED)

    assert (run, run.state) == (made, WarmRun.State.DONE)
    assert not OrmQ.objects.exists()


def test_where_others_have_made_it_all_the_run_is_done_at_once(voice: FakeVoice) -> None:
    finished(warming.start_run("there", WANTED))
    run = warming.start_run("here", WANTED)

    assert (run.state, states(run)) == (WarmRun.State.DONE, ["skipped"] * 4)
    assert run.started_at == run.finished_at is not None


def test_two_runs_that_share_a_clip_pay_for_it_once(voice: FakeVoice) -> None:
    warming.start_run("here", WANTED)
    finished(warming.start_run("there", WANTED))

    assert len(voice.calls) == 4


def test_a_clip_that_cannot_be_made_fails_its_item_with_a_reason_and_not_the_others(voice: FakeVoice) -> None:
    voice.errors = [TextRefused()]
    run = finished(warming.start_run("here", WANTED))

    assert run.state == WarmRun.State.FAILED
    assert sorted(states(run)) == ["done", "done", "done", "failed"]
    assert run.items.get(state="failed").reason == TextRefused.sentence


def test_an_item_whose_maker_died_is_made_by_the_next(voice: FakeVoice) -> None:
    run = warming.start_run("here", WANTED)
    run.items.update(state=WarmItem.State.MAKING, owner="a process that was killed", attempts=1)

    assert finished(run).state == WarmRun.State.DONE
    assert len(voice.calls) == 4


def test_an_item_whose_maker_lives_is_left_alone() -> None:
    run = warming.start_run("here", WANTED)
    Claim.objects.create(name="warm-slot:99", owner="somebody", until=Now() + timedelta(seconds=60))
    run.items.filter(position=0).update(state=WarmItem.State.MAKING, owner="somebody")
    finished(run)

    assert states(run) == ["making", "done", "done", "done"]
    assert run.state == WarmRun.State.RUNNING


def test_an_item_that_ends_its_process_again_and_again_is_given_up() -> None:
    run = warming.start_run("here", WANTED)
    run.items.filter(position=0).update(
        state=WarmItem.State.MAKING, owner="killed", attempts=pulling.MAX_ATTEMPTS
    )

    assert finished(run).state == WarmRun.State.FAILED
    assert states(run) == ["failed", "done", "done", "done"]


def test_nothing_is_made_while_others_hold_every_slot(voice: FakeVoice) -> None:
    for lane in range(5):
        Claim.objects.create(name=f"warm-slot:{lane}", owner="others", until=Now() + timedelta(seconds=60))
    finished(warming.start_run("here", WANTED))

    assert voice.calls == []


def test_a_task_that_finds_every_slot_taken_calls_for_nobody() -> None:
    warming.start_run("here", WANTED)
    OrmQ.objects.all().delete()
    for lane in range(5):
        Claim.objects.create(name=f"warm-slot:{lane}", owner="others", until=Now() + timedelta(seconds=60))
    tasks.warm()

    assert OrmQ.objects.count() == 0


def test_who_pulls_for_one_run_pays_for_no_other(voice: FakeVoice) -> None:
    mine = warming.start_run("mine", WANTED[:1])
    warming.start_run("another", WANTED[1:])
    pulling.pull(seconds=20, runs=[mine])

    assert [call.text for call in voice.calls] == [WANTED[0].speech.text]


def test_whoever_stops_takes_no_new_item(voice: FakeVoice) -> None:
    warming.start_run("here", WANTED)
    pulling.pull(seconds=20, should_stop=lambda: True)

    assert voice.calls == []
    assert pulling.is_work_left()


def test_progress_is_told_in_the_words_of_the_contract() -> None:
    run = warming.start_run("here", WANTED)
    before = progress_of(run)
    after = progress_of(finished(run))

    assert (before["state"], before["total"], before["done"], before["eta_seconds"]) == ("queued", 4, 0, None)
    assert (after["state"], after["done"], after["skipped"], after["failed"], after["eta_seconds"]) == (
        "done",
        4,
        0,
        0,
        0,
    )
    assert after["cost_usd"] == pytest.approx(after["characters"] * 30 / 1e6)


def pullers_called() -> int:
    return sum(task.task["func"] == "ttscache.tasks.warm" for task in OrmQ.objects.all())


def test_the_heartbeat_takes_up_what_was_cut_off_and_calls_for_hands_only_then() -> None:
    tasks.heartbeat()
    assert pullers_called() == 0
    warming.start_run("here", WANTED)
    OrmQ.objects.all().delete()
    tasks.heartbeat()

    assert pullers_called() == 1
    tasks.warm()
    assert not pulling.is_work_left()


def budget_of(usd: float) -> Budget:
    """From now on, the cap of this process."""
    speech_cache().speaker.budget = Budget(usd)
    return speech_cache().speaker.budget


def test_past_the_budget_a_run_pauses_and_goes_on_when_there_is_room(voice: FakeVoice) -> None:
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


def test_who_asks_again_for_a_paused_run_joins_it(voice: FakeVoice) -> None:
    budget_of(0)
    run = finished(warming.start_run("here", WANTED))

    assert warming.start_run("here", WANTED) == run
    assert voice.calls == []


def test_while_the_provider_is_down_items_wait_and_lose_no_attempt(voice: FakeVoice) -> None:
    voice.is_in_good_health = False
    for _ in range(FAILURES_IN_A_ROW):
        speech_cache().speaker.circuit.count(ProviderUnavailable())
    run = finished(warming.start_run("here", WANTED))

    assert run.state in WarmRun.ACTIVE
    assert states(run) == ["queued"] * 4
    assert set(run.items.values_list("attempts", flat=True)) == {0}
    assert voice.calls == []
    voice.is_in_good_health = True
    speech_cache().speaker.circuit = Circuit(voice.is_well)  # by the next beat
    assert finished(run).state == WarmRun.State.DONE


def test_a_clip_dearer_than_any_day_lets_the_others_go_first(voice: FakeVoice) -> None:
    dear = Wanted(
        speech("This is a text that is far too long for what may be spent in one day. " * 5), "question"
    )
    budget = budget_of(4.5 * max(len(wanted.speech.text) for wanted in WANTED) * 30 / 1e6)
    run = finished(warming.start_run("here", [dear, *WANTED]))

    assert run.state == WarmRun.State.PAUSED
    assert sorted(states(run)) == ["done"] * 4 + ["queued"]
    warming.resume_paused(budget)
    assert finished(run).state == WarmRun.State.PAUSED


def test_a_provider_that_does_not_answer_costs_no_item_its_place(voice: FakeVoice) -> None:
    voice.errors = [ProviderUnavailable(retry_after_seconds=60)] * 5
    run = finished(warming.start_run("here", WANTED))

    assert run.state in WarmRun.ACTIVE
    assert WarmItem.State.FAILED not in states(run)
