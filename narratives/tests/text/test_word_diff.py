from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narratives.text.word_diff import changes

pytestmark = pytest.mark.any_database


def told(old: str, new: str) -> str:
    marks = {"same": "{}", "removed": "[-{}-]", "added": "[+{}+]"}
    return "".join(marks[piece.fate].format(piece.words) for piece in changes(old, new))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("How are you?", "How are you?", "How are you?"),
        ("How are you?", "How were you?", "How [-are-][+were+] you?"),
        ("Tell me now.", "Tell me all about it.", "Tell me [-now.-][+all about it.+]"),
        ("Where did it begin?", "Where did it all begin?", "Where did it [+all +]begin?"),
        ("", "New.", "[+New.+]"),
        ("Old.", "", "[-Old.-]"),
        ("one two three", "un deux trois", "[-one two three-][+un deux trois+]"),
    ],
    ids=["same", "a word", "a phrase", "added", "all new", "all gone", "one change"],
)
def test_the_word_diff_marks_changed_words(old: str, new: str, expected: str) -> None:
    assert told(old, new) == expected


@given(st.text(alphabet="ab \n", max_size=30), st.text(alphabet="ab \n", max_size=30))
def test_both_texts_can_be_read_from_the_word_diff(old: str, new: str) -> None:
    pieces = changes(old, new)
    assert "".join(piece.words for piece in pieces if piece.fate != "removed") == new
    assert "".join(piece.words for piece in pieces if piece.fate != "added") == old


def steps(old: str, new: str) -> int:
    """The lines that Python runs to compare two texts: the work, whatever else the machine does."""
    counted = 0

    def count(*_: Any) -> Any:
        nonlocal counted
        counted += 1
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        changes(old, new)
    finally:
        sys.settrace(before)
    return counted


def edited(words: list[str]) -> list[str]:
    return [f"{word}s" if place % 17 == 0 else word for place, word in enumerate(words)]


@pytest.mark.parametrize(
    "words",
    [
        lambda length: [f"word{place % 700}" for place in range(length)],
        lambda length: [f"word{place}" for place in range(length)],
        lambda length: ["a", "b"] * (length // 2),
        lambda length: [f"w{place % 40}" for place in range(length)],
    ],
    ids=["a narrative", "no word twice", "two words", "few words"],
)
def test_the_work_of_a_word_diff_grows_with_the_length_of_the_texts(
    words: Callable[[int], list[str]],
) -> None:
    short, long = (
        steps(" ".join(words(length)), " ".join(edited(words(length)))) for length in (2_500, 10_000)
    )
    assert long < 8 * short  # a square would take 16 times as many


def test_a_long_text_with_few_changes_shows_just_these() -> None:
    words = [f"w{place % 50}" if place % 3 else f"n{place}" for place in range(9_900)]
    new = [*words[:4_000], "added", *words[4_000:6_000], *words[6_001:]]
    told = [piece for piece in changes(" ".join(words), " ".join(new)) if piece.fate != "same"]
    assert [(piece.fate, piece.words.strip()) for piece in told] == [
        ("added", "added"),
        ("removed", words[6_000]),
    ]
