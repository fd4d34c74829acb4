"""The listener's API: what a request costs."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from harness.statements import recorded_statements
from narratives import publishing
from narratives.models import Journey, Narrative, PublicationEntry
from ttscache.models import Clip

pytestmark = pytest.mark.django_db


@pytest.fixture
def journey_of_ten(db: None) -> Journey:
    """Another live one, of ten questions whose clips are all made."""
    journey = Journey.objects.create(slug="ten", title="Ten", is_live=True)
    questions = [
        Narrative.objects.create(journey=journey, slug=f"q{number}", title="Q", text=f"Question {number}?")
        for number in range(10)
    ]
    publishing.publish(questions, requested_by="ana", at_once=True)
    Clip.objects.update(stored_at=timezone.now(), duration_ms=7_000)
    return journey


def listed(query: str = "") -> dict[str, Any]:
    answer: dict[str, Any] = Client().get(f"/api/narratives{query}").json()
    return answer


def test_a_ready_clip_tells_when_each_sentence_is_heard(heard_journey: Journey) -> None:
    text = "How are you?  I am well.\n\nCaf\u00e9 \U0001f600!"
    question = heard_journey.narratives.get(kind="question")
    question.text = text
    question.save()
    publishing.publish([question], at_once=True)
    Clip.objects.update(stored_at=timezone.now(), duration_ms=9_000)

    told = next(each for each in listed()["narratives"] if each["kind"] == "question")
    cues = told["audio"]["cues"]
    sentences = [told["text"][cue["start"] : cue["end"]] for cue in cues]
    assert sentences == ["How are you?", "I am well.", "Caf\u00e9 \U0001f600!"]
    assert [cues[0]["start_ms"], cues[-1]["end_ms"]] == [0, 9_000]
    assert all(one["end_ms"] == next_one["start_ms"] for one, next_one in pairwise(cues))


def test_a_clip_that_is_not_ready_has_no_cues(journey: Journey) -> None:
    assert all("cues" not in each["audio"] for each in listed()["narratives"])


def test_cues_cost_no_query(heard_journey: Journey, journey_of_ten: Journey) -> None:
    with recorded_statements() as few:
        listed()
    with recorded_statements() as many:
        listed("?journey=ten")
    assert len(few) == len(many)


def test_the_answer_tells_language_and_direction_of_the_journey(heard_journey: Journey) -> None:
    told = listed()
    assert (told["journey"], told["language"], told["dir"]) == ("ours", "en", "ltr")
    Journey.objects.update(language="he")
    told = listed("?journey=ours")
    assert (told["language"], told["dir"]) == ("he", "rtl")


def test_another_live_journey_can_be_made_ahead(heard_journey: Journey, journey_of_ten: Journey) -> None:
    def pre_cache(journey: str) -> Any:
        body = {"voice": "nova", "journey": journey}
        return Client().post("/api/pre-cache-narratives", body, content_type="application/json")

    assert pre_cache("ten").json()["total_count"] == 10
    assert pre_cache("ours").json()["total_count"] == 3
    assert pre_cache("nowhere").status_code == 404


def test_pre_cache_reads_the_texts_of_the_journey_once(heard_journey: Journey) -> None:
    assert Clip.objects.exists()
    with recorded_statements() as statements:
        answer = Client().post("/api/pre-cache-narratives", content_type="application/json")

    assert answer.json()["total_count"] == 3
    table = PublicationEntry._meta.db_table
    assert len([sql for sql in statements if f'FROM "{table}"' in sql]) == 1
