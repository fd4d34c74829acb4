from __future__ import annotations

import pytest
from django_q.models import OrmQ

from harness.clips import speech
from harness.fake_voice import FakeVoice
from harness.warm_runs import finished, states, workers_enqueued
from ttscache import tasks, warming
from ttscache.errors import TextRefused
from ttscache.models import Clip, WarmRun
from ttscache.warming import ClipSpec, worker
from ttscache.warming.progress import progress_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("voice")]
WANTED = [
    ClipSpec(speech(f"This is question number {word}."), "question")
    for word in ("one", "two", "three", "four")
]


def test_a_warm_plan_counts_missing_clips_and_writes_nothing() -> None:
    planned = warming.plan(WANTED)

    assert (len(planned.clips), len(planned.missing)) == (4, 4)
    assert planned.characters == sum(len(wanted.speech.text) for wanted in WANTED)
    assert planned.cost_usd == pytest.approx(planned.characters * 30 / 1e6)
    assert not Clip.objects.exists()


def test_a_warm_run_makes_every_clip(voice: FakeVoice) -> None:
    run = finished(warming.start_run("here", WANTED))

    assert run.state == WarmRun.State.DONE
    assert states(run) == ["done"] * 4
    assert Clip.objects.with_audio().count() == len(voice.calls) == 4


def test_starting_a_run_twice_joins_it_and_another_scope_gets_its_own() -> None:
    run = warming.start_run("here", WANTED)

    assert warming.start_run("here", WANTED) == run
    assert warming.start_run("there", WANTED) != run


def test_joining_a_run_with_more_clips_adds_them(voice: FakeVoice) -> None:
    run = warming.start_run("here", WANTED[:2])
    assert warming.start_run("here", WANTED) == run
    finished(run)

    assert states(run) == ["done"] * 4
    assert len(voice.calls) == 4


def test_joining_a_run_retries_its_failed_items(voice: FakeVoice) -> None:
    run = warming.start_run("here", WANTED)
    run.items.filter(position=0).update(state="failed", reason="busy", attempts=3)
    warming.start_run("here", WANTED)
    finished(run)

    assert (run.state, states(run)) == (WarmRun.State.DONE, ["done"] * 4)


def test_a_run_without_missing_clips_is_the_one_that_made_them(voice: FakeVoice) -> None:
    made = finished(warming.start_run("here", WANTED))
    OrmQ.objects.all().delete()
    run = warming.start_run("here", WANTED)

    assert (run, run.state) == (made, WarmRun.State.DONE)
    assert not OrmQ.objects.exists()


def test_a_run_whose_clips_all_exist_is_done_at_once(voice: FakeVoice) -> None:
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
    assert run.items.get(state="failed").reason == TextRefused().for_staff()


def test_the_progress_of_a_run_has_the_fields_of_the_contract() -> None:
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


def test_the_heartbeat_enqueues_workers_only_for_interrupted_items() -> None:
    tasks.heartbeat()
    assert workers_enqueued() == 0
    warming.start_run("here", WANTED)
    OrmQ.objects.all().delete()
    tasks.heartbeat()

    assert workers_enqueued() == 1
    tasks.make_queued_clips()
    assert not worker.is_work_left()
