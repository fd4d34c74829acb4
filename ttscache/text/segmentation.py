"""Words, sentences and characters of every script, by Unicode's own rules (UAX 29).

All offsets are code points, as Python counts them.
"""

from __future__ import annotations

import re
from itertools import accumulate, pairwise

import unicode_segmentation_rs as uax29

_SURROGATE = re.compile("[\ud800-\udfff]")
_LONG_RUN = re.compile(r"([^\w\n]{64})([^\w\n]+)")


def grapheme_clusters(text: str) -> list[str]:
    """The characters as a reader counts them: a letter with all its marks is one."""
    try:
        return uax29.graphemes(text, True)
    except UnicodeEncodeError:  # lone surrogates
        return _cut_like(text, uax29.graphemes(_SURROGATE.sub("\ufffd", text), True))


def word_bounds(text: str) -> list[int]:
    """Where words begin and end, from 0 to the length of the text."""
    return _bounds(uax29.split_word_bounds(_SURROGATE.sub("\ufffd", text)))


def grapheme_bounds(text: str) -> list[int]:
    """Where the text may be cut without tearing a letter from its marks, from 0 to its length."""
    return _bounds(grapheme_clusters(text))


def words_in(text: str) -> list[str]:
    """The words of a text, without what stands between them."""
    return uax29.unicode_words(_SURROGATE.sub("\ufffd", text))


def sentence_ends(text: str) -> list[int]:
    """The ends of sentences, before the white space that follows. A piece without words counts as one."""
    # The library looks back over each run of marks and spaces once for each of them. Combining marks in their
    # place end that, so that the time grows with the length and not with its square.
    safe = _LONG_RUN.sub(lambda run: run[1] + "\u0300" * len(run[2]), _SURROGATE.sub("\ufffd", text))
    ends, place = [], 0
    for sentence in uax29.unicode_sentences(safe):  # without pieces that have no letter or digit
        start = safe.find(sentence, place)
        between = text[place:start].rstrip()
        if between:
            ends.append(place + len(between))
        place = start + len(sentence)
        ends.append(start + len(text[start:place].rstrip()))
    rest = text[place:].rstrip()
    if rest:
        ends.append(place + len(rest))
    return ends


def _bounds(pieces: list[str]) -> list[int]:
    return list(accumulate(map(len, pieces), initial=0))


def _cut_like(text: str, pieces: list[str]) -> list[str]:
    bounds = _bounds(pieces)
    return [text[start:end] for start, end in pairwise(bounds)]
