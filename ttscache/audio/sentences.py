"""Finds sentences: where they end, where to cut a long text, and when each is heard. Handles no audio."""

# ruff: noqa: RUF001 - marks of many scripts are what this is about

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate, pairwise

from ttscache.text import segmentation

# Unicode's rules (UAX 29) know the marks of every script. Added to them: an ellipsis ends a sentence, titles
# and initials do not, the marks of English need a space after them, and the end of a line needs no mark. Each
# run of marks is tried once, from its beginning: otherwise the time grows with the square of its length.
_MARK = re.compile(r"""(?<![.!?\u2026])[.!?\u2026]++["'\u201d\u2019)\]]*+(?=\s)|\n""")
_NEEDS_SPACE = re.compile(r"""[.!?\u2026]["'\u201d\u2019)\]]{0,8}$""")
_LETTER_NEXT = re.compile(r"\s{0,8}(\w)")
_ABBREVIATION = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|Prof|Rev|St|Mt|Jr|Sr|vs|[A-HJ-Z])\.$")
_CLAUSE_END = re.compile(
    r"[,;:\u2013\u2014\u060c\u061b\u055d\u00b7][\"'\u201d\u2019)\]]*+(?=\s)|(?<=\s)[-\u2013\u2014](?=\s)|[、，；：]"
)
_SPACE = re.compile(r"(?=\s)")


def split_text(text: str, limit: int) -> list[str]:
    """Split a text into parts of at most `limit` characters, at the end of a sentence if possible.

    Otherwise it cuts at the end of a clause, then at a space, and within a word only if the word alone is too
    long; a letter keeps its marks. Only white space at the cuts is lost; no part is blank.
    """
    parts = []
    start = 0
    while len(text) - start > limit:
        window = text[start : start + limit + 100]  # enough to see what follows a mark
        cut = _last_good_cut(window, limit)
        parts.append(window[:cut].rstrip())
        start += cut
        while start < len(text) and text[start].isspace():
            start += 1
    return [part for part in (*parts, text[start:]) if part.strip()]


def _last_good_cut(window: str, limit: int) -> int:
    sentence = _last(_sentence_ends(window), limit)
    if sentence < limit // 2:  # perhaps its sentences begin with small letters
        sentence = max(sentence, _last(_sentence_ends(window, in_any_case=True), limit))
    if sentence:
        return sentence
    looks: list[Callable[[str], list[int]]] = [
        lambda text: _ends(_CLAUSE_END, text),
        lambda text: _ends(_SPACE, text),
        segmentation.word_bounds,
        segmentation.grapheme_bounds,
    ]
    return next((cut for look in looks if (cut := _last(look(window), limit))), limit)


def _last(ends: list[int], limit: int) -> int:
    """The last of the ends within the limit, or 0."""
    place = bisect_right(ends, limit)
    return ends[place - 1] if place else 0


def _ends(pattern: re.Pattern[str], text: str) -> list[int]:
    return [match.end() for match in pattern.finditer(text)]


def split_sentences(text: str, *, in_any_case: bool = False) -> list[str]:
    """The sentences of a text, stripped of white space. Titles (Dr.) and initials do not end a sentence.

    With `in_any_case`, a mark ends a sentence even before a small letter, as in "Well\u2026 yes."
    """
    return [text[first : last + 1] for first, last in _spans(text, in_any_case=in_any_case)]


def _sentence_ends(text: str, *, in_any_case: bool = False) -> list[int]:
    by_unicode = {
        _before_opening(text, end) for end in segmentation.sentence_ends(text) if _may_end_here(text, end)
    }
    return [
        end
        for end in sorted(by_unicode.union(_ends(_MARK, text)))
        if not _ABBREVIATION.search(text[max(0, end - 8) : end])
        and (in_any_case or not _is_small_letter_next(text, end))
    ]


def _before_opening(text: str, end: int) -> int:
    """The end without an opening bracket, which Unicode's rule gives to the sentence before it."""
    start = end
    while start > 0 and text[start - 1] in "「『（【《〈([{“‘«":
        start -= 1
    return start or end  # a text of nothing but brackets would be cut into single characters


def _may_end_here(text: str, end: int) -> bool:
    is_before_space = end == len(text) or text[end].isspace()
    return is_before_space or not _NEEDS_SPACE.search(text[max(0, end - 9) : end])


def _is_small_letter_next(text: str, end: int) -> bool:
    if text[end - 1] == "\n" or text[end : end + 1] == "\n":
        return False
    following = _LETTER_NEXT.match(text, end)
    return following is not None and following[1].islower()


@dataclass(frozen=True, kw_only=True, slots=True)
class Cue:
    """When a sentence is heard: `text[first_char : last_char + 1]` from `start_ms` up to `end_ms`.

    Characters are Unicode code points, as Python counts them (JavaScript's `Array.from(text)`).
    """

    start_ms: int
    end_ms: int
    first_char: int
    last_char: int


_PAUSE_CHARACTERS = (
    dict.fromkeys(".!?।॥۔؟։。！？", 9) | dict.fromkeys(";:؛；：", 5) | dict.fromkeys(",،、，", 4)
)


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
