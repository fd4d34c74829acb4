from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django_q.models import OrmQ

from narratives import publishing
from narratives.models import Journey, Narrative, tidied
from ttscache.models import Clip, Pin, WarmRun

pytestmark = pytest.mark.django_db


@pytest.fixture
def journey() -> Journey:
    loaded = publishing.load_default_content()
    assert loaded is not None
    return loaded


@pytest.fixture
def question(journey: Journey) -> Narrative:
    return journey.narratives.get(slug="q04")


def heard(voice: str = "nova") -> dict[str, Any]:
    told: dict[str, Any] = Client().get("/api/narratives", {"voice": voice}).json()
    return told


def hashes(reason: str) -> set[str]:
    return set(Pin.objects.filter(reason=reason).values_list("content_hash", flat=True))


def test_the_default_journey_has_twelve_narratives_and_five_system_clips(journey: Journey) -> None:
    told = heard()

    assert [each["kind"] for each in told["narratives"]] == ["intro", *["question"] * 10, "outro"]
    assert set(told["system"]) == {"safety", "break", "welcome_back", "hard_moment", "sorry_no_reflection"}
    assert [each["position"] for each in told["narratives"]] == list(range(12))
    assert told["narratives"][4]["title"] == "A Turning Point"


def test_loading_again_changes_nothing(journey: Journey) -> None:
    assert publishing.load_default_content() is None
    assert Journey.objects.count() == 1


def test_the_first_load_queues_every_clip_in_every_voice(journey: Journey) -> None:
    assert WarmRun.objects.count() == 2
    assert sum(run.items.count() for run in WarmRun.objects.all()) == 34
    assert Clip.objects.count() == 34


def test_the_queue_is_called_only_when_all_is_committed(django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        publishing.load_default_content()
        assert OrmQ.objects.count() == 0

    assert OrmQ.objects.count() == 2


def test_what_is_published_is_pinned_in_every_voice(journey: Journey) -> None:
    assert len(hashes("live")) == 24
    assert len(hashes("system")) == 10
    assert hashes("draft") == set()


def test_an_edit_is_a_draft_and_listeners_hear_nothing_of_it(question: Narrative) -> None:
    before = heard()
    question.text = "What has changed in your life?"
    question.save()
    publishing.hold_clips()

    assert heard() == before
    assert question.has_changes
    assert hashes("draft") == {question.draft_speech(voice).content_hash for voice in ("nova", "onyx")}


def test_publishing_gives_words_and_sound_together(question: Narrative) -> None:
    old = {narrative["content_hash"] for narrative in [heard()["narratives"][4]["audio"]]}
    question.text = "What has changed in your life?"
    question.save()
    publishing.publish([question])
    told = heard()["narratives"][4]

    assert told["text"] == "What has changed in your life?"
    assert told["audio"]["content_hash"] == question.draft_speech("nova").content_hash
    assert not told["audio"]["ready"]
    assert old <= hashes("recent")
    assert hashes("draft") == set()


def test_publishing_the_same_words_makes_no_revision(question: Narrative) -> None:
    publishing.publish([question])

    assert question.revisions.count() == 1


def test_the_revision_before_is_retired_and_kept(question: Narrative) -> None:
    old = question.live
    question.text = "What has changed in your life?"
    question.save()
    publishing.publish([question])
    assert old is not None
    old.refresh_from_db()

    assert old.retired_at is not None
    assert question.revisions.count() == 2


def test_a_journey_that_is_not_live_is_nobodys_to_hear(journey: Journey) -> None:
    Journey.objects.update(is_live=False)
    publishing.hold_clips()

    assert Client().get("/api/narratives").json()["code"] == "unknown_journey"
    assert hashes("live") == set()
    assert len(hashes("recent")) == 34


def test_another_live_journey_is_told_by_its_name(journey: Journey) -> None:
    other = Journey.objects.create(slug="short", title="A short one", is_live=True)
    narrative = Narrative.objects.create(journey=other, slug="only", title="One", text="Who are you?")
    publishing.publish([narrative])
    told = Client().get("/api/narratives", {"journey": "short"}).json()

    assert [each["text"] for each in told["narratives"]] == ["Who are you?"]
    assert Client().get("/api/narratives", {"journey": "none"}).status_code == 404


def test_voices_that_listeners_do_not_have_are_refused_with_those_they_have(journey: Journey) -> None:
    response = Client().get("/api/narratives", {"voice": "alloy"})

    assert (response.status_code, response.json()["code"]) == (400, "unknown_voice")
    assert response.json()["voices"] == ["nova", "onyx"]


def test_the_list_costs_a_fixed_number_of_queries(
    journey: Journey, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(3):
        heard()


def test_a_change_of_model_changes_every_key_and_never_plays_the_old_voice(
    journey: Journey, settings: Any
) -> None:
    before = {each["audio"]["content_hash"] for each in heard()["narratives"]}
    settings.TTSCACHE = {**settings.TTSCACHE, "provider": "openai", "openai_api_key": "k"}
    publishing.hold_clips()
    after = {each["audio"]["content_hash"] for each in heard()["narratives"]}

    assert before.isdisjoint(after)
    assert after <= hashes("live")


def test_pre_cache_joins_the_run_that_is_under_way(journey: Journey) -> None:
    answers = [
        Client().post("/api/pre-cache-narratives", {"voice": "nova"}, content_type="application/json")
        for _ in range(2)
    ]
    told = [answer.json() for answer in answers]

    assert [answer.status_code for answer in answers] == [202, 202]
    assert told[0] == told[1]
    assert (told[0]["total_count"], told[0]["cached_count"], told[0]["queued_count"]) == (17, 0, 17)
    assert Client().get(told[0]["status_url"]).json()["total"] == 17


def test_pre_cache_of_what_is_there_queues_nothing(journey: Journey) -> None:
    WarmRun.objects.all().delete()
    Clip.objects.update(kept_at="2026-01-01T00:00:00Z")
    answer = Client().post("/api/pre-cache-narratives", content_type="application/json")

    assert (answer.status_code, answer.json()["queued_count"]) == (200, 0)
    assert Client().get(answer.json()["status_url"]).json()["state"] == "done"


@pytest.mark.parametrize(
    ("written", "kept"),
    [("  Hello   there. ", "Hello there."), ("One.\r\n\r\n\r\n\r\nTwo.", "One.\n\nTwo."), ("a\x00b", "ab")],
)
def test_texts_are_tidied_when_they_are_saved(written: str, kept: str) -> None:
    assert tidied(written) == kept
