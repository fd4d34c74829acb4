# ruff: noqa: RUF001 - letters of many scripts are what this is about

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narratives.text.lexicon import Lexicon, LexiconEntry
from ttscache.text.plain_text import comparable

pytestmark = pytest.mark.any_database


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("Ask Siobhan.", "Ask Shivawn."),
        ("siobhan and SIOBHAN", "Shivawn and Shivawn"),
        ("Siobhan's house", "Shivawn's house"),
        ("Siobhana, MacSiobhan", "Siobhana, MacSiobhan"),
        ("Dr. Lee at 9 a.m.", "Doctor Lee at 9 in the morning"),
        ("New York, York", "Noo Yawk, Yorick"),
        ("Nothing to say otherwise", "Nothing to say otherwise"),
    ],
    ids=["a word", "any case", "possessive", "part of a word", "with marks", "the longest first", "none"],
)
def test_the_lexicon_replaces_whole_words(written: str, spoken: str) -> None:
    words = {"Siobhan": "Shivawn", "Dr.": "Doctor", "a.m.": "in the morning", "York": "Yorick"}
    words["New York"] = "Noo Yawk"
    assert Lexicon.of(LexiconEntry(word, say_as) for word, say_as in words.items()).spoken(written) == spoken


def test_the_lexicon_does_not_replace_its_own_replacements() -> None:
    assert Lexicon.of([LexiconEntry("a", "b"), LexiconEntry("b", "a")]).spoken("a b") == "b a"


def test_the_lexicon_takes_a_replacement_literally() -> None:
    assert Lexicon.of([LexiconEntry("C++", r"C \1 plus")]).spoken("C++ it is") == r"C \1 plus it is"


def test_a_lexicon_entry_of_a_voice_precedes_the_one_for_all_voices() -> None:
    lexicon = Lexicon.of([LexiconEntry("tea", "tee"), LexiconEntry("tea", "tay", "onyx")])
    assert lexicon.spoken_forms("tea", ["nova", "onyx"]) == ("tee", {"onyx": "tay"})


@pytest.mark.parametrize(
    ("word", "written", "spoken"),
    [
        ("O'Brien", "Mrs O\u2019Brien\u2019s hat", "Mrs X\u2019s hat"),
        ("O\u2019Brien", "O'Brien", "X"),
        ("Anna", "\uff21\uff4e\uff4e\uff41 came", "X came"),
        ("\u0645\u062d\u0645\u062f", "\u0645\u062d\u0640\u0645\u062f", "X"),
        ("Anne-Marie", "Anne\u2011Marie sang", "X sang"),
        ("Élise", "élise, E\u0301LISE and E\u0301lise\u0301", "X, X and E\u0301lise\u0301"),
        ("Jose\u0301", "José!", "X!"),
        ("Jose", "José and Jose\u0301", "José and Jose\u0301"),
        ("Siobhan", "Sio\u00adbhan\u200b", "X"),
        ("New York", "New\u00a0York", "X"),
        ("राम", "रामा राम। रामः राम्", "रामा X। रामः राम्"),
        ("東京", "東京に行く", "Xに行く"),
        ("มา", "มาก มา", "มาก X"),
        ("می\u200cخواهم", "میخواهم", "X"),
        ("New York", "New Yorkers", "New Yorkers"),
    ],
)
def test_the_lexicon_finds_a_word_in_each_form_and_never_a_part_of_another(
    word: str, written: str, spoken: str
) -> None:
    assert Lexicon.of([LexiconEntry(word, "X")]).spoken(written) == spoken


@given(st.text("abé\u0301' \u2019-\u2011\u200bß\u00ad", max_size=20))
def test_a_lexicon_changes_nothing_but_its_words(text: str) -> None:
    lexicon = Lexicon.of([LexiconEntry("ab", "ab"), LexiconEntry("b'a", "b'a")])
    assert comparable(lexicon.spoken(text)) == comparable(text)
