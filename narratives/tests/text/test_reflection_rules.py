# ruff: noqa: RUF001 - typographic marks are what this is about

from __future__ import annotations

import json

import pytest

from narratives.content.loading import DEFAULT_CONTENT
from narratives.text.reflection_rules import is_shareable, problems

pytestmark = pytest.mark.any_database
BANK = json.loads(DEFAULT_CONTENT.read_text(encoding="utf-8"))["reflections"]
GOOD = "It sounds as though those mornings were full of warmth. Thank you for sharing them."
FROM_THE_RULES = [
    "It sounds as though those mornings were full of warmth and welcome. "
    "Something of that early comfort still seems close to you.",
    "It sounds as though someone was missing, and the silence around it was heavy too. "
    "Thank you for giving that absence an honest place here.",
    "So many ordinary days seem to have been carried by your care for other people. "
    "There is a quiet kind of pride in that.",
    "A plain answer is welcome here too. You can always add to it if something comes to mind.",
    "You have answered in your own way, and that is fine. We can go on to the next part whenever you like.",
]


@pytest.mark.parametrize("entry", BANK, ids=[entry["id"] for entry in BANK])
def test_the_bank_that_is_shipped_keeps_the_rules(entry: dict[str, str]) -> None:
    assert problems(entry["text"]) == []


@pytest.mark.parametrize("text", FROM_THE_RULES, ids=["bakery", "father", "buses", "dunno", "joke"])
def test_the_examples_of_the_prompt_keep_the_rules(text: str) -> None:
    assert problems(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "Only one sentence.",
        "One. Two. Three.",
        f"It sounds as though {'very ' * 40}much. Thank you.",
        "It was so. Was it so?",
        "It was in 1952. Thank you.",
        "You said “home” to me. Thank you.",
        "You said 'home' to me. Thank you.",
        "It was *so* good. Thank you.",
        "See www.example.org for it. Thank you.",
        "See example.org for it. Thank you.",
    ],
    ids=["one", "three", "long", "question", "digits", "quotes", "single quotes", "markup", "link", "host"],
)
def test_a_reflection_of_a_wrong_form_is_refused(text: str) -> None:
    assert problems(text)


@pytest.mark.parametrize(
    "words",
    [
        "As an AI", "a language model", "I understand", "I know how", "you should", "you must", "You need to",
        "try to", "At least", "everything happens", "a diagnosis", "therapy", "God's plan", "God’s plan",
        "I remember", "I feel", "I am proud", "I'm sorry", "I’m sorry", "I promise", "healing", "closure",
    ],
)  # fmt: skip
def test_a_reflection_with_banned_words_in_any_case_is_refused(words: str) -> None:
    assert problems(GOOD) == []
    assert problems(f"It sounds as though {words} it was warm. Thank you for sharing it.")


@pytest.mark.parametrize("words", ["that's how it was", "those wheals of cheese", "the country at leastways"])
def test_words_that_only_resemble_banned_ones_are_allowed(words: str) -> None:
    assert problems(f"It sounds as though {words}. Thank you for sharing it.") == []


class TestSharing:
    @pytest.mark.parametrize(
        ("text", "answer"),
        [
            ("It sounds as though Rose was dear. Thank you.", "We were friends."),
            ("Rose sounds like a dear friend. Thank you.", "rose and i ran the shop"),
            ("It sounds as though the crown was busy. Thank you.", "We ran the Crown for years."),
            ("It sounds as though the sea was always near. Thank you.", "For us the sea was always there."),
            ("It sounds as though it’s been a long way home. Thank you.", "It's been a long way."),
            ("It was in 1952. Thank you.", "It was long ago."),
            ("それは温かい日々でした。ありがとうございます。", "家の話です。"),
        ],
        ids=[
            "a name",
            "a first word",
            "a name in the answer",
            "four words",
            "apostrophe",
            "digits",
            "no capitals",
        ],
    )
    def test_a_reflection_that_may_be_personal_is_not_shared(self, text: str, answer: str) -> None:
        assert not is_shareable(text, answer)

    def test_a_name_in_an_answer_with_accents_of_their_own_is_not_shared(self) -> None:
        answer = "That was with Zo\u0308e\u0301."
        assert not is_shareable("It was warm with z\u00f6\u00e9. Thank you.", answer)

    @pytest.mark.parametrize(
        ("text", "answer"),
        [
            (GOOD, "It was warm. Thank God."),
            (GOOD, ""),
            ("It sounds as though the sea was near. Thank you.", "WE LOVED THE SEA."),
            ("I'm told that it was warm. Thank you.", "I was there and I'm glad."),
            ("Es klingt nach einer warmen zeit. Danke dafür.", "So war das."),
        ],
        ids=["first words", "nothing told", "capitals alone", "I", "another language"],
    )
    def test_a_reflection_that_anyone_might_say_is_shared(self, text: str, answer: str) -> None:
        assert is_shareable(text, answer)
