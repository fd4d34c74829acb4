"""The one form of a text loses nothing that anybody sees."""

# ruff: noqa: RUF001 - typographic marks are what this is about

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ttscache.text.plain_text import clean_text, comparable, comparable_word, has_words

pytestmark = pytest.mark.any_database

TRICKY = (
    "ae\u0301\u0308é \n.\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f\u200e\u200f\u202e\u2066\u061c\x00\x1b"
    "\ufe0f\ufe0eمیאक\u094dष\u093e😀👩\U0001f3f4\U000e0067\U000e007f\u180e\u1820กข\uac00\u1100\u1161\u3164"
)
ANY_TEXT = st.text(st.one_of(st.sampled_from(TRICKY), st.characters(exclude_categories=["Cs"])), max_size=40)
# Variation selectors and fillers are marks or letters by category, and nobody sees them.
UNSEEN = {"\u034f", "\u3164", "\uffa0", "\u17b4", "\u17b5", "\u180f", "\u2065"}


def visible(text: str) -> str:
    def is_unseen(char: str) -> bool:
        is_selector = (
            0xFE00 <= ord(char) <= 0xFE0F or 0xE0000 <= ord(char) <= 0xE0FFF or "\u180b" <= char <= "\u180e"
        )
        is_reserved = 0xFFF0 <= ord(char) <= 0xFFF8
        return char in UNSEEN or is_selector or is_reserved or unicodedata.category(char) in ("Cc", "Cf")

    return unicodedata.normalize("NFD", "".join(char for char in text if not is_unseen(char)))


@given(ANY_TEXT)
@settings(max_examples=500, deadline=None)
def test_cleaning_a_clean_text_changes_nothing(text: str) -> None:
    assert clean_text(clean_text(text)) == clean_text(text)


@given(ANY_TEXT)
@settings(max_examples=500, deadline=None)
def test_cleaning_loses_no_visible_character_and_composes_the_rest(text: str) -> None:
    assert visible(clean_text(text)) == visible(text)
    assert unicodedata.is_normalized("NFC", clean_text(text))


@given(ANY_TEXT)
@settings(max_examples=300, deadline=None)
def test_a_text_and_its_clean_form_are_compared_alike(text: str) -> None:
    assert comparable(clean_text(text)) == comparable(text) == comparable(comparable(text))


@pytest.mark.parametrize(
    ("written", "clean"),
    [
        ("Jose\u0301, Cafe\u0301", "José, Café"),
        ("O\u200bne\u00ad two\ufeff \u2060three", "One two three"),
        ("e\u200b\u0301", "é"),
        ("\u202eabc\u202c \u200ed", "abc d"),
        ("a\x00b\x1bc\x7fd\te\n", "abcd\te\n"),
        ("co\u200dop\u200cerate", "cooperate"),
        ("Hi\U000e0049\U000e0067", "Hi"),
        ("a \ufe0fb", "a b"),
    ],
    ids=["accents", "zero width", "beside an accent", "direction", "control", "joiners", "tags", "selector"],
)
def test_invisible_characters_are_removed(written: str, clean: str) -> None:
    assert clean_text(written) == clean


@pytest.mark.parametrize(
    "text",
    [
        "می\u200cخواهم",
        "क्\u200dष र्\u200dय",
        "ന്\u200d അവന്\u200c",
        "👩\u200d👩\u200d👧 ❤\ufe0f\u200d🔥 👩🏽\u200d🚒 5\ufe0f\u20e3",
        "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
        "שלום\u200f! (abc\u200e)",
        "\u1780\u200b\u1781",
    ],
    ids=["Persian", "Hindi", "Malayalam", "emoji", "flag", "right to left", "Khmer"],
)
def test_invisible_characters_stay_where_they_do_something(text: str) -> None:
    assert clean_text(text) == text


@pytest.mark.parametrize(
    "text", ["", " \n", "…", "—", "😊", "***", "___", "?!", "\u200b", "\u3164", "\u0301", "।"]
)
def test_marks_signs_and_emoji_are_nothing_to_say(text: str) -> None:
    assert not has_words(text)


@pytest.mark.parametrize("text", ["a", "…7…", "😊 ja", "राम", "今", "½"])
def test_a_single_letter_or_digit_is_something_to_say(text: str) -> None:
    assert has_words(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("O'Brien", "o’brien"),
        ("Anne-Marie", "Anne\u2011Marie"),
        ("Élise", "e\u0301lise"),
        ("New York", "New\u00a0 york"),
        ("می\u200cخواهم", "میخواهم"),
        ("STRASSE", "straße"),
    ],
)
def test_words_are_compared_by_what_a_reader_sees(one: str, other: str) -> None:
    assert comparable_word(one) == comparable_word(other)


def test_a_hyphen_and_a_dash_stay_apart_because_a_voice_pauses_at_a_dash() -> None:
    assert comparable("well-known") != comparable("well\u2014known")
