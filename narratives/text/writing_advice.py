"""Advice for authors on text that is hard to speak or hard to follow."""

# ruff: noqa: RUF001 - typographic marks are what this is about

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from ttscache.audio.sentences import split_sentences
from ttscache.speech import MOST_CHARACTERS_OF_A_CALL
from ttscache.text.segmentation import words_in

LONG_TEXT = 600  # characters
LONG_SENTENCE = 25  # words

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_ABBREVIATION = re.compile(
    r"\b(?:Mr|Mrs|Ms|Dr|Prof|St|Rd|Ave|etc|approx|vs|incl|no|tel|min|max)\.(?=\s|$)|\b(?:e\.g|i\.e|a\.m|p\.m)\.?",
    re.IGNORECASE,
)
_ALL_CAPS = re.compile(r"\b[A-Z]{2,}\b")
# Marks that voices read as a pause or as the right word.
_KNOWN_MARKS = set(" \n.,;:!?'\"()-–—…’‘“”/%&$£€°")
_KNOWN_MARKS |= set("„«»¿¡।॥۔؟،؛։՝、。，！？：；「」『』")  # of other scripts
_KNOWN_MARKS |= set("0123456789")
_NUMBERS = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen",
)  # fmt: skip
_QUESTIONS = re.compile(
    rf"\b({'|'.join(_NUMBERS)}|\d{{1,4}})\s+(?:\w+\s+){{0,2}}?questions?\b", re.IGNORECASE
)


def sentences(text: str) -> list[str]:
    return split_sentences(text, in_any_case=True)


def advice(text: str) -> list[str]:
    """Sentences of advice, the most serious first; empty if there is nothing to improve."""
    return list(_advice(text))


def _advice(text: str) -> Iterator[str]:
    if len(text) > MOST_CHARACTERS_OF_A_CALL:
        yield f"More than {MOST_CHARACTERS_OF_A_CALL:,} characters: the audio is made in parts and joined."
    elif len(text) > LONG_TEXT:
        yield f"More than {LONG_TEXT} characters: long to listen to without a pause."
    longest = max((len(words_in(sentence)) for sentence in sentences(text)), default=0)
    if longest > LONG_SENTENCE:
        yield f"A sentence of {longest} words: hard to follow by ear. Two shorter ones are easier."
    if re.search(r"\d", text):
        yield "Digits: write numbers and years as words, so that they are said as you mean them."
    abbreviations = sorted({found.group() for found in _ABBREVIATION.finditer(text)})
    if abbreviations:
        yield f"Abbreviations ({', '.join(abbreviations)}): write them out, or add them to the lexicon."
    capitals = sorted(set(_ALL_CAPS.findall(text)))
    if capitals:
        yield f"Capitals ({', '.join(capitals)}): a voice may spell them letter by letter."
    symbols = sorted({char for char in text if _is_symbol(char)})
    if symbols:
        yield f"Symbols ({' '.join(symbols)}): a voice may leave them out or read their names."


def _is_symbol(char: str) -> bool:
    # Vowel signs (M) and joiners (Cf) are parts of words, as in Hindi.
    return not (char.isalpha() or char in _KNOWN_MARKS or unicodedata.category(char) in ("Mn", "Mc", "Cf"))


def reading(text: str) -> str:
    """Rate how easy a text is to follow (Flesch reading ease, for English); empty without words."""
    words = _WORD.findall(text)
    if not words:
        return ""
    # Groups of vowels without a silent final e come close to the number of syllables in English.
    syllables = sum(max(1, len(re.findall(r"[aeiouy]+", re.sub(r"e\b", "", word.lower())))) for word in words)
    ease = 206.835 - 1.015 * len(words) / max(1, len(sentences(text))) - 84.6 * syllables / len(words)
    if ease >= 70:
        return "easy to read"
    return "fairly easy to read" if ease >= 50 else "hard to read"


def questions_promised(text: str) -> int | None:
    """The number of questions that a text announces; None if it announces none."""
    found = _QUESTIONS.search(text)
    if found is None:
        return None
    number = found[1].lower()
    return _NUMBERS.index(number) + 1 if number in _NUMBERS else int(number)
