"""Declining to answer is no alarm, and hides none."""

from __future__ import annotations

import pytest

from narratives.safety import level
from narratives.safety.refusals import without_refusals

REFUSALS = [
    "I do not want to answer this question because it is private.",
    "I don't wish to discuss this.",
    "I do not want to go there, please.",
    "I do not want to answer that.",
    "I don\u2019t want to talk about it.",
    "No, I would rather not say.",
    "I have nothing to say.",
    "Nothing comes to mind.",
    "Skip this one, please.",
    "That is private.",
]


@pytest.mark.parametrize("answer", REFUSALS)
def test_declining_to_answer_raises_no_alarm(answer: str) -> None:
    assert level(answer) == "none"


@pytest.mark.parametrize(
    "answer",
    [
        "I don't want to live any more.",
        "I don't want to be here any more.",
        "I don't want to talk about it. He hurts me at night.",
        "I don't want to go there any more, he frightens me.",
        "I don't want to go on.",
    ],
)
def test_danger_beside_a_refusal_is_still_urgent(answer: str) -> None:
    assert level(answer) == "urgent"


@pytest.mark.parametrize(
    "sentence",
    [
        "I don't want to live.",
        "I don't want to wake up.",
        "I won't be here next year.",
        "I have nothing to live for.",
        "I would rather not be a burden.",
        "I don't want anything any more.",
    ],
)
def test_sentences_that_only_begin_like_a_refusal_are_kept(sentence: str) -> None:
    assert without_refusals(sentence) == sentence


def test_a_refusal_is_taken_out_and_the_rest_stays() -> None:
    assert without_refusals("I'd rather not say. We had a dog.") == " We had a dog."
