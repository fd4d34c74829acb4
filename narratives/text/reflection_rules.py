"""Rules for reflections: two plain sentences without claims, questions or advice."""

# ruff: noqa: RUF001 - typographic marks are what this is about

from __future__ import annotations

import re
from collections.abc import Iterator

from ttscache.audio.sentences import split_sentences

MOST_CHARACTERS = 200
SENTENCES = 2

# A single quote counts as a quotation mark only beside a blank; elsewhere it is an apostrophe.
_MARKS = {
    "a question mark": re.compile(r"[?？⁇]"),
    "a digit": re.compile(r"\d"),
    "quotation marks": re.compile(r"[\"“”„«»‘‚‹›]|(?:^|\s)'|'(?:\s|$)"),
    "markup": re.compile(r"[<>*_#`\[\]{}|~^\\]"),
    "a link": re.compile(r"https?:|www\.|\S@\S|\b[\w-]+\.(?:com|org|net|info|uk|de)\b", re.IGNORECASE),
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
