"""Splitting a text and making its cues lose no word."""

# ruff: noqa: RUF001 - marks of many scripts are what this is about

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ttscache import audio
from ttscache.audio import Cue
from ttscache.audio.sentences import split_sentences

pytestmark = pytest.mark.any_database


def without_spaces(text: str) -> str:
    return "".join(text.split())


class TestSplitText:
    @given(
        text=st.text(st.sampled_from("abZ .,!?;:\n-\u2014\u201d\u3002\U0001f642")), limit=st.integers(1, 40)
    )
    @settings(max_examples=200, deadline=None)
    def test_splitting_a_text_loses_only_white_space(self, text: str, limit: int) -> None:
        parts = audio.split_text(text, limit)
        assert without_spaces("".join(parts)) == without_spaces(text)
        assert all(0 < len(part) <= limit and part.strip() for part in parts)

    @given(words=st.lists(st.text("abc", min_size=1, max_size=9), min_size=1), limit=st.integers(9, 30))
    @settings(max_examples=100, deadline=None)
    def test_a_word_that_fits_is_never_cut(self, words: list[str], limit: int) -> None:
        parts = audio.split_text(" ".join(words), limit)
        assert [word for part in parts for word in part.split()] == words

    def test_a_text_within_the_limit_is_not_split(self) -> None:
        assert audio.split_text(" Hello. ", 20) == [" Hello. "]

    def test_a_long_text_is_cut_at_the_end_of_a_sentence(self) -> None:
        text = "One is here. Two, the longer one, is here. Three."
        assert audio.split_text(text, 45) == ["One is here. Two, the longer one, is here.", "Three."]

    def test_a_long_sentence_is_cut_at_the_end_of_a_clause(self) -> None:
        assert audio.split_text("When I was young, we lived by the sea", 25) == [
            "When I was young,",
            "we lived by the sea",
        ]

    def test_titles_and_initials_do_not_end_a_sentence(self) -> None:
        text = "I knew Dr. Smith. He met J. B. Priestley."
        assert audio.split_text(text, 30) == ["I knew Dr. Smith.", "He met J. B. Priestley."]

    @pytest.mark.parametrize(
        "sentence",
        [
            "मैं घर गया।",
            "میں گھر گیا۔",
            "هل ذهبت إلى البيت؟",
            "Ես տուն գնացի։",
            "ես տուն գնացի։",
            "i went home, and then out again.",
            "今天我去了，然后回家。",
            "彼は「はい。」と言った。",
            "ខ្ញុំទៅផ្ទះ។",
        ],
        ids=[
            "Hindi",
            "Urdu",
            "Arabic",
            "Armenian",
            "small Armenian",
            "small",
            "Chinese",
            "Japanese",
            "Khmer",
        ],
    )
    def test_a_long_text_of_any_script_is_cut_at_the_ends_of_sentences(self, sentence: str) -> None:
        between = "" if sentence.endswith("。") else " "
        text = between.join([sentence] * (10_000 // len(sentence)))
        parts = audio.split_text(text, 4_096)
        assert len(parts) == 3
        assert all(part.startswith(sentence[:5]) and part.endswith(sentence[-5:]) for part in parts)
        assert max(map(len, parts)) <= 4_096

    def test_a_letter_keeps_its_marks_where_a_word_must_be_cut(self) -> None:
        parts = audio.split_text("मा" * 50, 15)
        assert "".join(parts) == "मा" * 50
        assert {part[0] for part in parts} == {"म"}


class TestSentences:
    def test_an_opening_bracket_belongs_to_the_sentence_after_it(self) -> None:
        assert split_sentences("今日は。「元気？」はい。") == ["今日は。", "「元気？」", "はい。"]

    def test_an_english_mark_without_a_space_ends_no_sentence(self) -> None:
        assert split_sentences("See https://a.org/?b=C now. Yes!No") == [
            "See https://a.org/?b=C now.",
            "Yes!No",
        ]

    def test_a_mark_before_a_small_letter_ends_a_sentence_only_with_in_any_case(self) -> None:
        text = "He waited\u2026 and left. \u201cYes.\u201d It rained"
        rest = ["\u201cYes.\u201d", "It rained"]
        assert split_sentences(text) == ["He waited\u2026 and left.", *rest]
        assert split_sentences(text, in_any_case=True) == ["He waited\u2026", "and left.", *rest]

    def test_a_line_ends_a_sentence_and_a_decimal_point_does_not(self) -> None:
        assert split_sentences("A title\n\nAll of 3.5 miles. ", in_any_case=True) == [
            "A title",
            "All of 3.5 miles.",
        ]


class TestCues:
    @given(
        text=st.text(st.sampled_from("abZ .,!?;:\n\u201d\u3002\U0001f642"), max_size=80),
        duration=st.integers(0, 10**7),
    )
    @settings(max_examples=200, deadline=None)
    def test_cues_cover_the_clip_and_every_word_in_order(self, text: str, duration: int) -> None:
        cues = audio.cues(text, duration)
        assert "".join(
            without_spaces(text[cue.first_char : cue.last_char + 1]) for cue in cues
        ) == without_spaces(text)
        assert all(cue.start_ms <= cue.end_ms for cue in cues)
        assert all(
            one.end_ms == two.start_ms and one.last_char < two.first_char for one, two in pairwise(cues)
        )
        if cues:
            assert (cues[0].start_ms, cues[-1].end_ms) == (0, duration)

    def test_a_blank_text_has_no_cues(self) -> None:
        assert audio.cues(" \n ", 1000) == []

    def test_a_sentence_gets_its_share_of_characters_and_pauses(self) -> None:
        assert audio.cues("Abcdefg. Hi!", 2700) == [  # 7 + 9 and 2 + 9 of 27
            Cue(start_ms=0, end_ms=1600, first_char=0, last_char=7),
            Cue(start_ms=1600, end_ms=2700, first_char=9, last_char=11),
        ]


@pytest.mark.parametrize("mark", ["«", "(", "a«", ". ("])
def test_a_text_of_opening_marks_is_not_cut_into_single_characters(mark: str) -> None:
    text = (mark * 9_000)[:9_000]

    assert len(audio.split_text(text, 4096)) <= 4
