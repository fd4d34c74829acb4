from __future__ import annotations

from typing import Any

import pytest

from harness.prepared_rows import put_rows_of
from narratives import publishing
from narratives.content import loading
from narratives.listener.what_follows import what_follows
from narratives.models import Journey, Narrative
from ttscache.models import ContentType
from ttscache.warming import ClipSpec

pytestmark = pytest.mark.django_db


@pytest.fixture
def journey() -> Journey:
    put_rows_of(loading.load_default_content)
    return Journey.objects.get()


def hash_of(journey: Journey, slug: str, voice: str = "nova") -> str:
    narrative = journey.narratives.select_related("live").get(slug=slug)
    assert narrative.live is not None
    return narrative.live.speech(voice).content_hash


def slugs(journey: Journey, wanted: list[ClipSpec], voice: str = "nova") -> list[str]:
    known = {
        hash_of(journey, slug, voice): slug for slug in journey.narratives.values_list("slug", flat=True)
    }
    return [known[each.speech.content_hash] for each in wanted]


@pytest.mark.parametrize(
    ("playing", "following"),
    [
        ("intro", ["q01", "q02", "q03"]),
        ("q01", ["q02", "q03", "q04", "outro"]),
        ("q02", ["q03", "q04", "q05"]),
        ("q08", ["q09", "q10"]),
        ("q10", []),
        ("outro", []),
        ("welcome_back", []),
    ],
)
@pytest.mark.parametrize("voice", ["nova", "onyx"])
def test_the_next_questions_are_predicted_and_the_first_also_brings_the_outro(
    journey: Journey, playing: str, following: list[str], voice: str
) -> None:
    assert slugs(journey, what_follows(hash_of(journey, playing, voice)), voice) == following


@pytest.mark.parametrize(
    ("ahead", "following"),
    [(1, ["q02", "outro"]), (100, [*(f"q{number:02}" for number in range(2, 11)), "outro"])],
    ids=["one", "all there are"],
)
def test_the_number_of_predicted_questions_is_a_setting(
    journey: Journey, settings: Any, ahead: int, following: list[str]
) -> None:
    settings.TTSCACHE = {**settings.TTSCACHE, "predict_ahead": ahead}

    assert slugs(journey, what_follows(hash_of(journey, "q01"))) == following


def test_predicted_questions_and_the_outro_keep_their_content_types(journey: Journey) -> None:
    kinds = [wanted.content_type for wanted in what_follows(hash_of(journey, "q01"))]

    assert kinds == [ContentType.QUESTION] * 3 + [ContentType.NARRATIVE]


def test_an_unknown_clip_is_followed_by_nothing(journey: Journey) -> None:
    assert what_follows("f" * 32) == []


def test_nothing_is_predicted_for_a_journey_that_is_not_live(journey: Journey) -> None:
    Journey.objects.update(is_live=False)

    assert what_follows(hash_of(journey, "q01")) == []


def test_predictions_ignore_drafts(journey: Journey) -> None:
    second = journey.narratives.get(slug="q02")
    second.text = "Other words?"
    second.save()

    (first, *_) = what_follows(hash_of(journey, "q01"))
    assert first.speech.text != "Other words?"
    assert what_follows(second.draft_speech("nova").content_hash) == []


def test_a_question_of_two_journeys_is_followed_by_those_of_both(journey: Journey) -> None:
    other = Journey.objects.create(slug="short", title="A short one", is_live=True)
    first = journey.narratives.get(slug="q01")
    texts = [first.text, "And what came then?"]
    publishing.publish(
        Narrative.objects.create(journey=other, slug=f"s{place}", title="S", text=text, position=place)
        for place, text in enumerate(texts)
    )

    assert "And what came then?" in {each.speech.text for each in what_follows(hash_of(journey, "q01"))}
    assert len(what_follows(hash_of(journey, "q01"))) == 5


def test_a_prediction_takes_one_query(journey: Journey, django_assert_num_queries: Any) -> None:
    content_hash = hash_of(journey, "q01")
    with django_assert_num_queries(1):
        what_follows(content_hash)
