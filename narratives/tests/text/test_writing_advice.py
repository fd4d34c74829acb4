from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.test import Client

from narratives.content.loading import DEFAULT_CONTENT, GENTLE_CONTENT
from narratives.models import Journey, Pronunciation
from narratives.text.writing_advice import advice, questions_promised, reading, sentences
from ttscache.models import Clip


def first_words(text: str) -> list[str]:
    return [sentence.split()[0].rstrip(":") for sentence in advice(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tell me about a time when your life took a new direction.", []),
        ("Who was it? " * 51, ["More"]),
        (f"{'word ' * 26}end.", ["A"]),
        ("It was in 1952.", ["Digits"]),
        ("Dr. Lee came at nine p.m. with Mrs. Ray.", ["Abbreviations"]),
        ("Call the NHS.", ["Capitals"]),
        ("Home → garden.", ["Symbols"]),
        ("I am here. A day, a house.", []),
    ],
    ids=["fine", "long", "long sentence", "digits", "abbreviations", "capitals", "symbols", "I and A"],
)
def test_writing_advice_names_hard_passages(text: str, expected: list[str]) -> None:
    assert first_words(text) == expected


def test_writing_advice_names_the_limit_of_one_request() -> None:
    assert "4,096" in advice("Who was it? " * 400)[0]


def test_writing_advice_counts_sentences() -> None:
    assert len(sentences("How are you? I am well.\n\nLet us begin… now.")) == 4


def test_an_abbreviated_title_does_not_end_a_sentence() -> None:
    assert len(sentences("Was it Dr. Nguyen? Or Prof. Ray and Mrs. Lee.")) == 2


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("Tell me about a good friend.", "easy to read"),
        (
            "Institutional considerations notwithstanding, reminiscence integrates.",
            "hard to read",
        ),
        ("", ""),
    ],
    ids=["easy", "hard", "nothing"],
)
def test_writing_advice_rates_how_easy_a_text_is(text: str, level: str) -> None:
    assert reading(text) == level


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("I ask ten questions.", 10),
        ("Ten short questions", 10),
        ("12 questions", 12),
        ("None.", None),
        ("9" * 5_000 + " questions", None),
    ],
    ids=["ten", "short", "digits", "none", "no number"],
)
def test_writing_advice_finds_the_promised_number_of_questions(text: str, number: int | None) -> None:
    assert questions_promised(text) == number


@pytest.mark.parametrize("path", [DEFAULT_CONTENT, GENTLE_CONTENT], ids=["default", "gentle"])
def test_the_shipped_content_follows_the_writing_advice(path: Path) -> None:
    content = json.loads(
        DEFAULT_CONTENT.read_text() if path is DEFAULT_CONTENT else GENTLE_CONTENT.read_text()
    )
    texts = [content["narrative"]["intro"], content["narrative"]["outro"]]
    texts += [question["text"] for question in content["questions"]]
    assert {text: advice(text) for text in texts if advice(text)} == {}
    assert questions_promised(texts[0]) == len(content["questions"])


# --- on the page -----------------------------------------------------------------------------------------
ESTIMATE = "/admin/narratives/journey/estimate/"


@pytest.mark.django_db
class TestLineBelowText:
    def test_the_line_below_a_text_shows_length_price_and_advice(
        self, admin_client: Client, paid_voice: None
    ) -> None:
        page = admin_client.post(ESTIMATE, {"text": "It was in 1952, on a Sunday. Yes."}).content.decode()
        assert "33 characters · 2 sentences · about 2 s · $0.0010 a voice · easy to read" in page
        assert "Digits: write numbers" in page

    def test_the_length_estimate_follows_the_pace_of_existing_clips(
        self, admin_client: Client, heard_journey: Journey
    ) -> None:
        Clip.objects.update(duration_ms=20_000)  # three clips at 37 characters a minute
        page = admin_client.post(ESTIMATE, {"text": "Where did it begin?"}).content.decode()
        assert "about 31 s" in page

    def test_the_line_below_a_text_prices_its_spoken_form(
        self, admin_client: Client, paid_voice: None
    ) -> None:
        Pronunciation.objects.create(word="UK", say_as="United Kingdom " * 10)
        page = admin_client.post(ESTIMATE, {"text": "In the UK."}).content.decode()
        assert "10 characters" in page
        assert "$0.0047 a voice" in page

    def test_asking_for_writing_advice_stores_no_word(self, admin_client: Client) -> None:
        admin_client.post(ESTIMATE, {"text": "A draft in the making."})
        assert not Clip.objects.exists()

    def test_writing_advice_is_for_staff_only(self, client: Client) -> None:
        assert client.post(ESTIMATE, {"text": "Hello."}).status_code == 302

    def test_a_promise_of_ten_questions_is_compared_with_what_there_is(
        self, admin_client: Client, heard_journey: Journey
    ) -> None:
        heard_journey.narratives.filter(kind="intro").update(text="I will ask you ten questions.")
        page = admin_client.get(f"/admin/narratives/journey/{heard_journey.pk}/change/").content.decode()
        assert "“Intro” mentions 10 questions, but there are 1." in page
