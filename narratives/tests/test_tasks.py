"""The hourly warm task makes missing published clips and never piles up runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from harness.prepared_rows import put_rows_of
from narratives import publishing, tasks
from narratives.content import loading
from narratives.models import Journey, Narrative, Publication
from ttscache import warming
from ttscache.models import Clip, Lane, WarmItem, WarmRun
from ttscache.warming import retry_limit as clip_tries

pytestmark = pytest.mark.django_db


@pytest.fixture
def journey() -> Journey:
    return all_made()


def all_made() -> Journey:
    """Return the default journey, whose clips two ended runs have made."""
    put_rows_of(loading.load_default_content)
    Clip.objects.update(stored_at=timezone.now())
    WarmItem.objects.update(state="done")
    WarmRun.objects.update(state="done", finished_at=timezone.now())
    return Journey.objects.get()


def lose(**which: Any) -> None:
    Clip.objects.filter(**which).update(stored_at=None)


def test_the_hourly_warm_task_first_runs_within_an_hour() -> None:
    import_module("narratives.migrations.0002_schedules").schedule_tasks(apps, None)
    schedule = Schedule.objects.get(name="warm what is published")
    assert (schedule.func, schedule.schedule_type) == ("narratives.tasks.warm_published", "H")
    assert timezone.now() < schedule.next_run <= timezone.now() + timedelta(hours=1)


def test_the_hourly_warm_task_writes_nothing_when_no_clip_is_missing(journey: Journey) -> None:
    for _ in range(3):
        tasks.warm_published()
    assert WarmRun.objects.count() == 2
    assert set(WarmRun.objects.values_list("state", flat=True)) == {"done"}


def test_the_hourly_warm_task_queues_missing_clips_in_the_slow_lane_under_its_name(journey: Journey) -> None:
    lose(voice="onyx", content_type="question")
    tasks.warm_published()
    run = WarmRun.objects.active().get()
    assert (run.name, run.requested_by) == (f"{journey.slug}, onyx", "schedule")
    assert run.items.filter(state="queued", lane=Lane.SCHEDULED).count() == 10


def test_the_hourly_warm_task_logs_count_and_price(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.TTSCACHE = {**settings.TTSCACHE, "provider": "openai", "openai_api_key": "sk-test"}
    all_made()
    lose(content_hash=publishing.live_journeys_clips(["onyx"])[1].speech.content_hash)
    with caplog.at_level("INFO"):
        tasks.warm_published()
    assert [message for message in caplog.messages if "(schedule)" in message] == [
        "Warming life-review-default, onyx: 1 clips, 106 characters, 0.0032 USD (schedule)"
    ]


@pytest.mark.parametrize("state", ["queued", "running", "paused"])
def test_the_hourly_warm_task_joins_a_run_that_is_held_up(journey: Journey, state: str) -> None:
    """A run can be held up by the budget, by staff or by a provider that is down."""
    lose(voice="onyx")
    tasks.warm_published()
    WarmRun.objects.active().update(state=state, paused_because="budget" if state == "paused" else "")
    OrmQ.objects.all().delete()
    for _ in range(3):
        tasks.warm_published()
    assert WarmRun.objects.count() == 3
    assert WarmRun.objects.active().get().items.count() == 17
    assert OrmQ.objects.count() == 0


def test_a_failed_clip_is_retried_by_the_next_hourly_task(journey: Journey) -> None:
    lose(voice="onyx", content_type="question")
    tasks.warm_published()
    failed = WarmRun.objects.active().get()
    failed.items.filter(state="queued").update(state="failed")
    WarmRun.objects.filter(pk=failed.pk).update(state="failed")
    warming.prioritize("here", [])
    assert not WarmRun.objects.active().exists()
    tasks.warm_published()
    assert WarmRun.objects.active().get() != failed
    assert WarmRun.objects.count() == 4


def test_a_listeners_session_has_its_voice_made_before_others(client: Any, journey: Journey) -> None:
    lose()
    tasks.warm_published()
    client.post("/api/pre-cache-narratives", {"voice": "onyx"}, content_type="application/json")
    lanes = {run.name: set(run.items.values_list("lane", flat=True)) for run in WarmRun.objects.active()}
    assert lanes == {f"{journey.slug}, nova": {Lane.SCHEDULED}, f"{journey.slug}, onyx": {Lane.PREFETCH}}


# --- waiting publications ---------------------------------------------------------------------------------
@pytest.fixture
def waiting(heard_question: Narrative) -> Publication:
    """A publication of one text, whose clips failed in both voices."""
    heard_question.text = "Where did it all begin?"
    heard_question.save()
    (publication,) = publishing.publish([heard_question])
    fail(publication)
    return publication


def fail(publication: Publication) -> None:
    run = WarmRun.objects.active().get(scope=publication.scope)
    run.items.update(state="failed", finished_at=timezone.now())
    WarmRun.objects.filter(pk=run.pk).update(state="failed")


def tries(publication: Publication) -> int:
    return WarmRun.objects.filter(scope=publication.scope).count()


@pytest.mark.parametrize(
    "look",
    [tasks.warm_published, lambda: publishing.make_what_waits(requested_by="the start of the service")],
    ids=["hourly", "restart"],
)
def test_a_publication_whose_clips_failed_is_tried_again(look: Callable[[], None], waiting: Any) -> None:
    look()
    run = WarmRun.objects.active().get()
    assert (run.scope, run.items.filter(state="queued").count()) == (waiting.scope, 2)
    look()
    assert tries(waiting) == 2  # the first run, and one retry that the second look joined


def test_a_publication_is_not_tried_for_ever_because_each_attempt_may_cost(waiting: Publication) -> None:
    for _ in range(clip_tries.MOST_TRIES + 2):
        tasks.warm_published()
        if WarmRun.objects.active().exists():
            fail(waiting)
    assert tries(waiting) == clip_tries.MOST_TRIES


def test_a_publication_given_up_is_tried_once_more_on_request(waiting: Publication, monkeypatch: Any) -> None:
    monkeypatch.setattr(clip_tries, "MOST_TRIES", 1)
    tasks.warm_published()
    assert not WarmRun.objects.active().exists()
    publishing.make_publication_clips(waiting, requested_by="ana")
    assert WarmRun.objects.active().get().requested_by == "ana"


def test_a_clip_given_up_is_tried_again_under_other_settings(
    waiting: Any, settings: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(clip_tries, "MOST_TRIES", 1)
    settings.TTSCACHE = {**settings.TTSCACHE, "listener_voices": ("nova", "fable")}
    tasks.warm_published()
    assert WarmRun.objects.active().filter(scope=waiting.scope).exists()


# --- published clips --------------------------------------------------------------------------------------
def fail_run() -> None:
    run = WarmRun.objects.active().get()
    run.items.filter(state="queued").update(state="failed", finished_at=timezone.now())
    WarmRun.objects.filter(pk=run.pk).update(state="failed", finished_at=timezone.now())


def tries_of(clip: Clip) -> int:
    return WarmItem.objects.filter(clip=clip).exclude(state="done").count()


@pytest.fixture
def exhausted_clip(heard_journey: Journey) -> Clip:
    """A published clip that failed in every hourly run."""
    clip = Clip.objects.get(voice="nova", content_text="Welcome.")
    lose(pk=clip.pk)
    for _ in range(clip_tries.MOST_TRIES + 2):
        tasks.warm_published()
        if WarmRun.objects.active().exists():
            fail_run()
    return clip


def test_a_published_clip_is_not_tried_for_ever(exhausted_clip: Clip) -> None:
    assert tries_of(exhausted_clip) == clip_tries.MOST_TRIES


def test_a_clip_given_up_is_not_retried_for_each_listener(exhausted_clip: Clip, client: Any) -> None:
    WarmItem.objects.update(finished_at=timezone.now() - timedelta(days=1))
    client.post("/api/pre-cache-narratives", {"voice": "nova"}, content_type="application/json")
    warming.prioritize("ahead, nova", publishing.live_journeys_clips(["nova"]))
    assert tries_of(exhausted_clip) == clip_tries.MOST_TRIES


def test_a_clip_given_up_is_tried_again_once_staff_ask(exhausted_clip: Clip, heard_journey: Journey) -> None:
    publishing.warm_journey(heard_journey, "nova", requested_by="ana")
    assert tries_of(exhausted_clip) == clip_tries.MOST_TRIES + 1


def test_other_missing_clips_are_made_beside_one_given_up(exhausted_clip: Clip) -> None:
    lose(voice="nova")
    tasks.warm_published()
    queued = WarmItem.objects.filter(run__in=WarmRun.objects.active(), state="queued")
    assert set(queued.values_list("clip__content_text", flat=True)) == {"Where did it begin?", "Thank you."}


def test_a_clip_made_since_its_failures_has_all_its_attempts_again(exhausted_clip: Clip) -> None:
    run = WarmRun.objects.create(scope="by hand", state="done")
    WarmItem.objects.create(run=run, clip=exhausted_clip, position=0, characters=8, state="done")
    tasks.warm_published()
    assert WarmRun.objects.active().exists()


def test_a_failed_clip_is_tried_once_in_each_run(heard_journey: Journey) -> None:
    lose(voice="nova")
    tasks.warm_published()
    failed = WarmRun.objects.active().get().items.filter(clip__content_text="Welcome.")
    failed.update(state="failed")
    tasks.warm_published()
    assert failed.get().state == "failed"
