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
def test_whole_words_are_said_otherwise(written: str, spoken: str) -> None:
    words = {"Siobhan": "Shivawn", "Dr.": "Doctor", "a.m.": "in the morning", "York": "Yorick"}
    words["New York"] = "Noo Yawk"
    assert Lexicon.of(LexiconEntry(word, say_as) for word, say_as in words.items()).spoken(written) == spoken


def test_what_was_replaced_is_not_replaced_again() -> None:
    assert Lexicon.of([LexiconEntry("a", "b"), LexiconEntry("b", "a")]).spoken("a b") == "b a"


def test_a_say_as_is_taken_as_it_is() -> None:
    assert Lexicon.of([LexiconEntry("C++", r"C \1 plus")]).spoken("C++ it is") == r"C \1 plus it is"


def test_a_voice_has_its_own_before_the_one_for_all() -> None:
    lexicon = Lexicon.of([LexiconEntry("tea", "tee"), LexiconEntry("tea", "tay", "onyx")])
    assert lexicon.spoken_forms("tea", ["nova", "onyx"]) == ("tee", {"onyx": "tay"})
