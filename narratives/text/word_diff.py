"""Compare two texts word by word."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of words with one fate: "same", "removed" or "added"."""

    fate: str
    words: str


def changes(old: str, new: str) -> list[Piece]:
    """The pieces of both texts in order. The "same" and "added" pieces together make up the new text."""
    before, after = (re.findall(r"\S+|\s+", text) for text in (old, new))
    pieces: list[Piece] = []
    # autojunk would ignore words that are frequent in a long text.
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for tag, begin, end, new_begin, new_end in matcher.get_opcodes():
        if tag == "equal":
            pieces.append(Piece("same", "".join(after[new_begin:new_end])))
            continue
        gone, come = "".join(before[begin:end]), "".join(after[new_begin:new_end])
        pieces += [Piece(fate, words) for fate, words in (("removed", gone), ("added", come)) if words]
    return _without_islands(pieces)


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
