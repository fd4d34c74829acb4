"""A text as numbers for the learned layer: words, short phrases, and runs of 2 to 5 letters inside words.

Phrases are pairs of words, pairs with one word left out between them, and one to three classes of words.

Training and listening use this one module, so both see each text alike. Each phrase or run of letters is
known by a 32-bit hash. All of a text is hashed at once in numpy, and a window of it is a slice.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from narratives.safety.normalizing import plain, without_apostrophes
from narratives.safety.word_classes import class_of

LETTER_RUNS = range(2, 6)
WORD_PHRASES = ((0,), (0, 1), (0, 2))
CLASS_PHRASES = ((0,), (0, 1), (0, 1, 2), (0, 2))
# A sentence of dictation without full stops is cut here, so that a window never grows with the answer.
LONGEST_SENTENCE = 30
# Windows are whole sentences of together at least this many words, or one sentence that is longer.
WINDOW_WORDS = 40
LEAST_STEP = 8  # words from the beginning of one window to that of the next

Hashes = NDArray[np.uint32]
Window = tuple[int, int]

_TOKEN = re.compile(r"[^\W_]+|[.!?;\n]+")
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Features:
    """Hashes of one text in the order of its words, so that a window is a slice of each array."""

    phrases: Hashes  # row i has the phrases that begin with word i, that word alone among them
    letters: Hashes
    letters_from: NDArray[
        np.int64
    ]  # the letters of word i are letters[letters_from[i] : letters_from[i + 1]]
    sentence_ends: list[int]

    def windows(self) -> Iterator[Window]:
        """Runs of whole sentences, until one reaches the end of the text.

        The next begins a sentence later, or several where they are short, so that an answer of a thousand
        one-word sentences has no thousand windows.
        """
        if not self.sentence_ends:
            return
        starts = [0, *self.sentence_ends[:-1]]
        last = 0
        next_start = 0
        for first, start in enumerate(starts):
            if start < next_start:
                continue
            next_start = start + LEAST_STEP
            last = max(last, first)
            while self.sentence_ends[last] - start < WINDOW_WORDS and last + 1 < len(starts):
                last += 1
            yield start, self.sentence_ends[last]
            if last + 1 == len(starts):
                return


def features_of(text: str) -> Features:
    words, ends = _words_and_ends(without_apostrophes(plain(text)))
    letters, letters_from = _letter_runs(words)
    return Features(_phrases(words), letters, letters_from, ends)


def _phrases(words: list[str]) -> Hashes:
    spelled = np.fromiter((zlib.crc32(word.encode()) for word in words), np.uint64, len(words))
    classes = np.fromiter((zlib.crc32(class_of(word).encode()) for word in words), np.uint64, len(words))
    kinds = [(spelled, steps) for steps in WORD_PHRASES] + [(classes, steps) for steps in CLASS_PHRASES]
    rows = [_joined(hashes, steps, salt) for salt, (hashes, steps) in enumerate(kinds)]
    return np.stack(rows, axis=1)


def _joined(hashes: NDArray[np.uint64], steps: tuple[int, ...], salt: int) -> Hashes:
    """One hash for each word, of the words so many steps after it; 0 stands behind the last word."""
    joined = np.full(len(hashes), salt, np.uint64)
    for step in steps:
        later = np.zeros(len(hashes), np.uint64)
        later[: max(0, len(hashes) - step)] = hashes[step:]
        joined = joined * _MULTIPLIER + later
    return _mixed(joined)


def _words_and_ends(text: str) -> tuple[list[str], list[int]]:
    """The words, and after how many of them each sentence ends."""
    words: list[str] = []
    ends = [0]
    for token in _TOKEN.findall(text):
        if token[0].isalnum():
            words.append(token[:40])  # no word is longer; what is longer is hostile
            if len(words) - ends[-1] == LONGEST_SENTENCE:
                ends.append(len(words))
        elif len(words) > ends[-1]:
            ends.append(len(words))
    if len(words) > ends[-1]:
        ends.append(len(words))
    return words, ends[1:]


def _letter_runs(words: list[str]) -> tuple[Hashes, NDArray[np.int64]]:
    """Hashes of all runs of letters, each word with a space on both sides, ordered by word."""
    if not words:
        return np.empty(0, np.uint32), np.zeros(1, np.int64)
    chars = np.frombuffer("".join(f" {word} " for word in words).encode("utf-32-le"), np.uint32)
    lengths = np.fromiter((len(word) + 2 for word in words), np.int64, len(words))
    word_of = np.repeat(np.arange(len(words)), lengths)
    hashed: list[Hashes] = []
    owners: list[NDArray[np.int64]] = []
    running = np.zeros(len(chars), np.uint64)
    for length in range(1, LETTER_RUNS.stop):
        # Position i holds the hash of the run of `length` letters that begins there.
        running = running[: len(chars) - length + 1] * _MULTIPLIER + chars[length - 1 :]
        if length not in LETTER_RUNS:
            continue
        inside = word_of[: len(running)] == word_of[length - 1 :]
        hashed.append(_mixed(running[inside] + np.uint64(length)))
        owners.append(word_of[: len(running)][inside])
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    starts = np.searchsorted(owner[order], np.arange(len(words) + 1))
    return np.concatenate(hashed)[order], starts.astype(np.int64)


def _mixed(keys: NDArray[np.uint64]) -> Hashes:
    """The upper half of a product depends on all bits of the key."""
    mixed = keys ^ (keys >> np.uint64(29))
    return ((mixed * _MULTIPLIER) >> np.uint64(32)).astype(np.uint32)
