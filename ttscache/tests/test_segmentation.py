"""Words, sentences and characters of every script."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ttscache import audio
from ttscache.audio.sentences import split_sentences
from ttscache.segmentation import grapheme_bounds, grapheme_clusters, sentence_ends, word_bounds, words_in

pytestmark = pytest.mark.any_database


@given(
    st.text(st.one_of(st.sampled_from("a. \n!)\u0301\u093eम東\ud800\u2026"), st.characters()), max_size=60)
)
@settings(max_examples=300, deadline=None)
def test_bounds_lie_within_the_text_in_order_and_pieces_make_it_up(text: str) -> None:
    assert "".join(grapheme_clusters(text)) == text
    for bounds in (word_bounds(text), grapheme_bounds(text)):
        assert (bounds[0], bounds[-1]) == (0, len(text))
        assert bounds == sorted(set(bounds))
    ends = sentence_ends(text)
    assert ends == sorted(set(ends))
    assert all(0 < end <= len(text) and not text[end - 1].isspace() for end in ends)


def test_words_of_other_scripts_keep_their_marks() -> None:
    assert words_in("राम, रामा। O\u2019Brien says 3.5") == ["राम", "रामा", "O\u2019Brien", "says", "3.5"]


@pytest.mark.parametrize(
    "unit", [".", ". ", ".)", "a.", "\u2026", "?!", ",", ", ", "\u0964", "a\u0301", "1.", "\ufeff"]
)
@pytest.mark.parametrize("tail", ["", ")", " "])
@pytest.mark.timeout(60)  # where the work is a square of the length, this text takes many minutes
def test_a_long_text_of_one_repeated_mark_is_cut_into_sentences(unit: str, tail: str) -> None:
    half = 120_000 // (2 if tail else 1)
    text = unit * (half // len(unit)) + (tail * half + "x" if tail else "")

    assert "".join("".join(split_sentences(text)).split()) == "".join(text.split())
    assert "".join("".join(audio.split_text(text, 300)).split()) == "".join(text.split())
    assert audio.cues(text, 1_000)
