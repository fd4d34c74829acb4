"""Compare two texts word by word, in time that grows with their length and not with its square."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import NamedTuple

# The matcher looks at each pair of equal words. Up to so many pairs it is quick and finds the most; with more
# of them, the texts are first cut at words that both have once.
_MOST_PAIRS = 60_000
_MOST_CUTS = 12  # how often a piece between two such words is cut again


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of words with one fate: "same", "removed" or "added"."""

    fate: str
    words: str


class _Run(NamedTuple):
    """A number of words that both texts have, from these places on."""

    old: int
    new: int
    length: int


class _Span(NamedTuple):
    """A piece of both texts that is still to be compared."""

    old: int
    old_end: int
    new: int
    new_end: int


def changes(old: str, new: str) -> list[Piece]:
    """The pieces of both texts in order. The "same" and "added" pieces together make up the new text."""
    before, after = (re.findall(r"\S+|\s+", text) for text in (old, new))
    pieces: list[Piece] = []
    gone_to = come_to = 0
    everything = _Span(0, len(before), 0, len(after))
    for run in (*_runs(before, after, everything, _MOST_CUTS), _Run(len(before), len(after), 0)):
        pieces += _change("".join(before[gone_to : run.old]), "".join(after[come_to : run.new]))
        gone_to, come_to = run.old + run.length, run.new + run.length
        same = "".join(after[run.new : come_to])
        if same and pieces and pieces[-1].fate == "same":
            pieces[-1] = Piece("same", pieces[-1].words + same)
        elif same:
            pieces.append(Piece("same", same))
    return _without_islands(pieces)


def _runs(before: Sequence[str], after: Sequence[str], span: _Span, cuts: int) -> Iterator[_Run]:
    """The words that both texts have in this span, in order."""
    old, old_end, new, new_end = span
    start = 0
    while old + start < old_end and new + start < new_end and before[old + start] == after[new + start]:
        start += 1
    if start:
        yield _Run(old, new, start)
    old, new = old + start, new + start
    end = 0
    while (
        old_end - end > old and new_end - end > new and before[old_end - end - 1] == after[new_end - end - 1]
    ):
        end += 1
    yield from _runs_between(before, after, _Span(old, old_end - end, new, new_end - end), cuts)
    if end:
        yield _Run(old_end - end, new_end - end, end)


def _runs_between(before: Sequence[str], after: Sequence[str], span: _Span, cuts: int) -> Iterator[_Run]:
    ours, theirs = before[span.old : span.old_end], after[span.new : span.new_end]
    counts, other_counts = Counter(ours), Counter(theirs)
    if sum(count * other_counts[word] for word, count in counts.items()) <= _MOST_PAIRS:
        # autojunk would ignore words that are frequent in a long text.
        matcher = SequenceMatcher(None, ours, theirs, autojunk=False)
        for old, new, length in matcher.get_matching_blocks()[:-1]:
            yield _Run(span.old + old, span.new + new, length)
        return
    once = {word for word, count in counts.items() if count == 1 and other_counts[word] == 1}
    if not once or not cuts:
        return  # all of it counts as changed
    old_from, new_from = span.old, span.new
    for old, new in _in_order(ours, theirs, once):
        anchor = span.old + old, span.new + new
        yield from _runs(before, after, _Span(old_from, anchor[0], new_from, anchor[1]), cuts - 1)
        yield _Run(*anchor, 1)
        old_from, new_from = anchor[0] + 1, anchor[1] + 1
    yield from _runs(before, after, _Span(old_from, span.old_end, new_from, span.new_end), cuts - 1)


def _in_order(ours: Sequence[str], theirs: Sequence[str], once: set[str]) -> list[tuple[int, int]]:
    """The places of the most words of `once` that have the same order in both texts (patience sorting)."""
    in_theirs = {word: place for place, word in enumerate(theirs) if word in once}
    pairs = [(place, in_theirs[word]) for place, word in enumerate(ours) if word in once]
    lasts: list[int] = []  # the least last place of a sequence of each length
    ends: list[int] = []  # the pair at that place
    before: list[int] = []  # the pair that comes before each pair
    for number, (_, place) in enumerate(pairs):
        length = bisect_left(lasts, place)
        before.append(ends[length - 1] if length else -1)
        lasts[length : length + 1], ends[length : length + 1] = [place], [number]
    found = []
    number = ends[-1] if ends else -1
    while number >= 0:
        found.append(pairs[number])
        number = before[number]
    return found[::-1]


def _without_islands(pieces: list[Piece]) -> list[Piece]:
    """Join changes that only white space separates, so that a changed phrase is one change."""
    merged: list[Piece] = []
    gone = come = ""
    for place, piece in enumerate(pieces):
        is_island = piece.fate == "same" and piece.words.isspace() and 0 < place < len(pieces) - 1
        if piece.fate == "same" and not is_island:
            merged += _change(gone, come)
            merged.append(piece)
            gone = come = ""
            continue
        gone += piece.words if piece.fate != "added" else ""
        come += piece.words if piece.fate != "removed" else ""
    return merged + _change(gone, come)


def _change(gone: str, come: str) -> list[Piece]:
    return [Piece(fate, words) for fate, words in (("removed", gone), ("added", come)) if words]
