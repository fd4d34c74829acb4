"""Texts weighed by tf-idf over a vocabulary, which training builds and the learned layer loads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from narratives.safety.features import Features, Hashes, Window

Floats = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Sorted hashes, first of phrases, then of runs of letters, and how rare each is."""

    phrase_hashes: Hashes
    letter_hashes: Hashes
    rarity: Floats  # idf: of the phrases, then of the letters

    def __len__(self) -> int:
        return len(self.rarity)

    def places(self, features: Features) -> PlacedFeatures:
        first_letter = len(self.phrase_hashes)
        return PlacedFeatures(
            phrases=_places(self.phrase_hashes, features.phrases, 0),
            letters=_places(self.letter_hashes, features.letters, first_letter),
            letters_from=features.letters_from,
        )

    def weigh(self, placed: PlacedFeatures, window: Window) -> tuple[Places, Floats]:
        """Where this part of the text stands in the vocabulary, and with what weight.

        Phrases and letters are brought to length 1 each, so that neither drowns the other.
        """
        start, end = window
        letters = placed.letters[placed.letters_from[start] : placed.letters_from[end]]
        phrase_places, phrase_weights = self._block(placed.phrases[start:end].ravel())
        letter_places, letter_weights = self._block(letters)
        return (
            np.concatenate([phrase_places, letter_places]),
            np.concatenate([phrase_weights, letter_weights]),
        )

    def _block(self, places: Places) -> tuple[Places, Floats]:
        found, counts = np.unique(places[places >= 0], return_counts=True)
        weights = (1 + np.log(counts)) * self.rarity[found]
        length = np.sqrt(weights @ weights)
        return found, weights / length if length else weights


@dataclass(frozen=True, slots=True)
class PlacedFeatures:
    """Features of a text as places in a vocabulary; -1 for what it does not know."""

    phrases: Places  # one row a word
    letters: Places
    letters_from: Places


def vocabulary_of(texts: Sequence[Features], *, least_texts: int) -> Vocabulary:
    """All phrases and runs of letters that stand in at least so many texts."""
    phrases = _common((each.phrases for each in texts), least_texts)
    letters = _common((each.letters for each in texts), least_texts)
    counts = np.concatenate([phrases[1], letters[1]])
    rarity = np.log((1 + len(texts)) / (1 + counts)) + 1
    return Vocabulary(phrases[0], letters[0], rarity.astype(np.float16).astype(np.float64))


def _common(texts: Iterable[Hashes], least_texts: int) -> tuple[Hashes, NDArray[np.int64]]:
    hashes, counts = np.unique(np.concatenate([np.unique(each) for each in texts]), return_counts=True)
    kept = counts >= least_texts
    return hashes[kept], counts[kept]


def _places(known: Hashes, sought: Hashes, offset: int) -> Places:
    if not len(known) or not sought.size:
        return np.full(sought.shape, -1, np.int64)
    at = np.minimum(np.searchsorted(known, sought), len(known) - 1)
    return np.where(known[at] == sought, at + offset, -1)
