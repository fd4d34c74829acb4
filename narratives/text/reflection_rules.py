"""Rules for reflections: two plain sentences without claims, questions or advice.

reflections/prompt.txt tells the model of them, so change both.
"""

# ruff: noqa: RUF001 - typographic marks are what this is about

from __future__ import annotations

import re
from collections.abc import Iterator

from ttscache.audio.sentences import split_sentences
from ttscache.text.plain_text import clean_text

MOST_CHARACTERS = 200
SENTENCES = 2
COPIED_WORDS = 4  # so many words of an answer in a row are a quotation

# A single quote counts as a quotation mark only beside a blank; elsewhere it is an apostrophe.
_MARKS = {
    "a question mark": re.compile(r"[?？⁇]"),
    "a digit": re.compile(r"\d"),
    "quotation marks": re.compile(r"[\"“”„«»‘‚‹›]|(?:^|\s)'|'(?:\s|$)"),
    "markup": re.compile(r"[<>*_#`\[\]{}|~^\\]"),
    "a link": re.compile(
        r"https?:|www\.|\S@\S|(?<![\w-])[\w-]++\.(?:com|org|net|info|uk|de)\b", re.IGNORECASE
    ),
}
# Whole words, compared in lower case with straight apostrophes and single spaces.
_BANNED = {
    "as an AI": r"as an ai",
    "language model": r"language models?",
    "I understand": r"i understand",
    "I know how": r"i know how",
    "you should": r"you should",
    "you must": r"you must",
    "you need to": r"you need to",
    "try to": r"try to",
    "at least": r"at least",
    "everything happens": r"everything happens",
    "diagnos…": r"diagnos\w*",
    "therap…": r"therap\w*",
    "God's plan": r"god's plan",
    "I remember": r"i remember",
    "I feel": r"i feel",
    "I am proud": r"(?:i am|i'm) proud",
    "I'm sorry": r"(?:i am|i'm) sorry",
    "I promise": r"i promise",
    "heal…": r"heal\w*",
    "closure": r"closure",
}
_BANNED_WORDS = {name: re.compile(rf"\b(?:{words})\b") for name, words in _BANNED.items()}


def problems(text: str) -> list[str]:
    """List each broken rule as a sentence for staff; empty if the text may be spoken."""
    return list(_problems(text.strip()))


def _problems(text: str) -> Iterator[str]:
    sentences = len(split_sentences(text, in_any_case=True))
    if sentences != SENTENCES:
        yield f"A reflection has exactly two sentences; this has {sentences}."
    if len(text) > MOST_CHARACTERS:
        yield f"A reflection has at most {MOST_CHARACTERS} characters; this has {len(text)}."
    for name, mark in _MARKS.items():
        if mark.search(text):
            yield f"A reflection has no {name.removeprefix('a ')}."
    words = re.sub(r"\s+", " ", text.lower().replace("’", "'"))
    for name, banned in _BANNED_WORDS.items():
        if banned.search(words):
            yield f"A reflection does not say “{name}”."


# Words that begin many sentences and name nobody, so that an answer may have them as well.
_OPENERS = frozenset(
    """
    a all also an and another any as at both by each even every everything for from growing here how in it its
    it's looking many maybe meaning moments more most much no not nothing of on one only other others our
    perhaps please plain so some someone something still such telling thank thanks that that's the their them
    then there there's these they this those time to too very we what whatever when where whether which while
    with words work you your yours
    """.split()  # noqa: SIM905 - a list of words reads better without quotes
)
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")


def is_shareable(text: str, answer: str) -> bool:
    """Whether a reflection that was written for this answer may be kept, and said to other people.

    It has no digit, no four words in a row that the answer has, and no word that may be a name: one with a
    capital letter within a sentence, here or in the answer, or a first word that the answer has too. In a
    script without capital letters names cannot be told from other words, so such a text is never shared.
    """
    text, answer = clean_text(text), clean_text(answer)  # an accent may be a character of its own
    if re.search(r"\d", text) or any(letter.isalpha() and not _has_case(letter) for letter in text):
        return False
    said = _words(answer)
    if not _runs(said).isdisjoint(_runs(_words(text))):
        return False
    answered = {word.lower() for word in said}
    if not _names_in(answer).isdisjoint(word.lower() for word in _words(text)):
        return False
    for sentence in split_sentences(text, in_any_case=True):
        first, *others = _words(sentence) or [""]
        if first.lower() in answered - _OPENERS and _may_be_a_name(first):
            return False
        if any(_may_be_a_name(word) for word in others):
            return False
    return True


def _names_in(answer: str) -> set[str]:
    """The words with a capital letter within a sentence; none where the whole answer is in capitals."""
    if answer == answer.upper():
        return set()
    within = (word for sentence in split_sentences(answer, in_any_case=True) for word in _words(sentence)[1:])
    return {word.lower() for word in within if _may_be_a_name(word)} - _OPENERS


def _may_be_a_name(word: str) -> bool:
    return word != word.lower() and not re.fullmatch(r"I(?:'\w+)?", word)


def _has_case(letter: str) -> bool:
    return letter.lower() != letter.upper()


def _words(text: str) -> list[str]:
    return _WORD.findall(text.replace("’", "'"))


def _runs(words: list[str]) -> set[tuple[str, ...]]:
    folded = [word.lower().removesuffix("'s") for word in words]
    return {tuple(folded[place : place + COPIED_WORDS]) for place in range(len(folded) - COPIED_WORDS + 1)}
