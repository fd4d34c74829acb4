"""Words, sentences and characters of every script."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ttscache import audio
from ttscache.audio.sentences import split_sentences
from ttscache.text.segmentation import (
    grapheme_bounds,
    grapheme_clusters,
    sentence_ends,
    word_bounds,
    words_in,
)

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


def seconds(work: Callable[[str], object], text: str) -> float:
    begun = time.process_time()
    work(text)
    return time.process_time() - begun


@pytest.mark.parametrize(
    "unit", [".", ". ", ".)", "a.", "\u2026", "?!", ",", ", ", "\u0964", "a\u0301", "1.", "\ufeff"]
)
@pytest.mark.parametrize("tail", ["", ")", " "])
def test_the_work_for_sentences_grows_with_the_length_of_the_text(unit: str, tail: str) -> None:
    def text(length: int) -> str:
        units = unit * (length // (2 if tail else 1) // len(unit))
        return units + (tail * (length // 2) + "x" if tail else "")

    for work in (
        split_sentences,
        lambda text: audio.split_text(text, 300),
        lambda text: audio.cues(text, 1_000),
    ):
        # The least of up to thirty tries, because other work of the machine may slow any of them.
        short = long = math.inf
        for _ in range(30):
            short, long = min(short, seconds(work, text(10_000))), min(long, seconds(work, text(80_000)))
            if long < 20 * short + 0.02:  # a square would take 64 times as long
                break
        assert long < 20 * short + 0.02
