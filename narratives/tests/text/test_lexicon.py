from __future__ import annotations

import pytest

from narratives.text.lexicon import Lexicon, LexiconEntry

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
