from __future__ import annotations

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
