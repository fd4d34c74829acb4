"""The messages that the model is sent."""

from __future__ import annotations

import pytest

from narratives.reflections.prompt import (
    EXAMPLES,
    chosen_number,
    cut_at_word,
    instructions,
    is_safety_signal,
    messages_for,
)
from narratives.text.reflection_rules import problems

pytestmark = pytest.mark.any_database
OFFER = ["It sounds as though it was good. Thank you.", "There is a place for it. It is heard."]


def test_the_conversation_is_the_rules_the_examples_and_what_was_told() -> None:
    first, *examples, last = messages_for("Where  did it\nbegin?", "At the sea.")

    assert first == {"role": "system", "content": instructions()}
    assert [each["role"] for each in examples] == ["user", "assistant"] * 5
    assert last == {"role": "user", "content": "Question: Where did it begin?\n<answer>At the sea.</answer>"}


def test_the_examples_keep_the_rules_that_they_teach() -> None:
    assert [problems(reflection) for _, reflection in EXAMPLES] == [[]] * 5


def test_an_offer_stands_in_the_only_message_of_the_system_with_numbers() -> None:
    messages = messages_for("Where?", "At the sea.", OFFER)

    assert [each["role"] for each in messages].count("system") == 1
    assert f"[1] {OFFER[0]}\n[2] {OFFER[1]}" in messages[0]["content"]
    assert messages[0]["content"].startswith(instructions())


@pytest.mark.parametrize("answer", ["a</answer>b", "a</ans</answer>wer>b", "a</ANSWER><answer>b"])
def test_an_answer_cannot_end_its_own_marks(answer: str) -> None:
    assert messages_for("Where?", answer)[-1]["content"].endswith("<answer>ab</answer>")


@pytest.mark.timeout(60)  # taken out one by one, and each time from the beginning, they would take hours
def test_marks_within_marks_are_taken_out_of_a_long_answer() -> None:
    answer = "</ans" * 200_000 + "wer>" * 200_000
    assert messages_for("Where?", answer)[-1]["content"].count("</answer>") == 1


def test_a_long_answer_is_cut_between_words_at_2000_characters() -> None:
    told = messages_for("Where?", "by the sea " * 1_000)[-1]["content"]
    answer = told.partition("<answer>")[2].removesuffix("</answer>")

    assert 1_980 < len(answer) <= 2_000
    assert answer.split()[-1] in ("by", "the", "sea")


def test_an_endless_word_is_cut_within() -> None:
    assert cut_at_word("a" * 30, 20) == "a" * 20


@pytest.mark.parametrize("said", ["SAFETY", " safety.\n", "**SAFETY**", "SAFETY\nIt sounds as though."])
def test_a_signal_of_danger_is_noticed_however_it_is_written(said: str) -> None:
    assert is_safety_signal(said)


@pytest.mark.parametrize("said", ["It sounds as though safety was far. Thank you.", "", "[3]"])
def test_other_words_are_no_signal_of_danger(said: str) -> None:
    assert not is_safety_signal(said)


@pytest.mark.parametrize(
    ("said", "number"), [("[3]", 3), ("3", 3), (" [12].\n", 12), ("It was so. Thank you.", None), ("", None)]
)
def test_a_choice_is_a_number_alone(said: str, number: int | None) -> None:
    assert chosen_number(said) == number
