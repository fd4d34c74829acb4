"""Finds sentences: where they end, where to cut a long text, and when each is heard. Handles no audio."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import accumulate, pairwise

# Chinese and Japanese marks need no space after them. The end of a line ends a sentence without a mark.
_MARK, _ALSO = r"""[.!?\u2026]+["'\u201d\u2019)\]]*""", r"|[\u3002\uff01\uff1f]+|\n"
_SENTENCE_END = re.compile(rf"{_MARK}(?=\s+[^\sa-z]){_ALSO}")  # and no small letter follows
_SENTENCE_END_IN_ANY_CASE = re.compile(rf"{_MARK}(?=\s){_ALSO}")
_ABBREVIATION = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|Prof|Rev|St|Mt|Jr|Sr|vs|[A-HJ-Z])\.$")
_CLAUSE_END = re.compile(r"[,;:\u2013\u2014][\"'\u201d\u2019)\]]*(?=\s)|(?<=\s)[-\u2013\u2014](?=\s)")
_SPACE = re.compile(r"(?=\s)")


def split_text(text: str, limit: int) -> list[str]:
    """Split a text into parts of at most `limit` characters, at the end of a sentence if possible.

    Otherwise it cuts at the end of a clause, then at a space, and within a word only if the word alone is too
    long. Only white space at the cuts is lost; no part is blank.
    """
    parts = []
    rest = text
    while len(rest) > limit:
        cut = _last_good_cut(rest, limit)
        parts.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [part for part in (*parts, rest) if part.strip()]


def _last_good_cut(text: str, limit: int) -> int:
    window = text[: limit + 100]  # enough to see what follows a mark
    for ends in (_sentence_ends(window), _ends(_CLAUSE_END, window), _ends(_SPACE, window)):
        within = [end for end in ends if 0 < end <= limit]
        if within:
            return within[-1]
    return limit


def _ends(pattern: re.Pattern[str], text: str) -> list[int]:
    return [match.end() for match in pattern.finditer(text)]


def split_sentences(text: str, *, in_any_case: bool = False) -> list[str]:
    """The sentences of a text, stripped of white space. Titles (Dr.) and initials do not end a sentence.

    With `in_any_case`, a mark ends a sentence even before a small letter, as in "Well\u2026 yes."
    """
    return [text[first : last + 1] for first, last in _spans(text, in_any_case=in_any_case)]


def _sentence_ends(text: str, *, in_any_case: bool = False) -> list[int]:
    pattern = _SENTENCE_END_IN_ANY_CASE if in_any_case else _SENTENCE_END
    return [end for end in _ends(pattern, text) if not _ABBREVIATION.search(text[max(0, end - 8) : end])]


@dataclass(frozen=True, kw_only=True, slots=True)
class Cue:
    """When a sentence is heard: `text[first_char : last_char + 1]` from `start_ms` up to `end_ms`.

    Characters are Unicode code points, as Python counts them (JavaScript's `Array.from(text)`).
    """

    start_ms: int
    end_ms: int
    first_char: int
    last_char: int


_PAUSE_CHARACTERS = dict.fromkeys(".!?", 9) | dict.fromkeys(";:", 5) | {",": 4}


def cues(text: str, duration_ms: int) -> list[Cue]:
    """The sentences of a clip that lasts `duration_ms`, one after the other without a gap.

    Voices report no times, so a sentence gets time in proportion to its characters. A mark that makes a voice
    pause counts as many characters as fit into the pause.
    """
    sentences = _spans(text)
    weights = [sum(_PAUSE_CHARACTERS.get(char, 1) for char in text[a : b + 1]) for a, b in sentences]
    heard = list(accumulate(weights, initial=0))
    times = [round(duration_ms * weight / max(heard[-1], 1)) for weight in heard]
    return [
        Cue(start_ms=start, end_ms=end, first_char=first, last_char=last)
        for (start, end), (first, last) in zip(pairwise(times), sentences, strict=True)
    ]


def _spans(text: str, *, in_any_case: bool = False) -> list[tuple[int, int]]:
    """First and last character of each sentence, without the white space around it."""
    spans = []
    for start, end in pairwise([0, *_sentence_ends(text, in_any_case=in_any_case), len(text)]):
        sentence = text[start:end]
        if sentence.strip():
            first = start + len(sentence) - len(sentence.lstrip())
            spans.append((first, first + len(sentence.strip()) - 1))
    return spans
