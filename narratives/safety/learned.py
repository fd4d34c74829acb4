"""Danger that is said sideways: a logistic regression, trained on labelled answers, over windows of text.

One danger in a long life story must not be diluted, so each window of sentences is scored and the highest
score counts. Few words say little sideways, so a short text has to score more, and one of a few words is left
to the rules. `model.npz` holds the vocabulary, the weights and both thresholds; harness/gate_training.py
makes it.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np

from narratives.safety.features import Window, features_of
from narratives.safety.levels import Level
from narratives.safety.refusals import without_refusals
from narratives.safety.weighing import Floats, PlacedFeatures, Vocabulary

MODEL = "model.npz"
# The highest of many windows is high by chance, so a long text has to score more: this much each time its
# windows grow e-fold, from so many windows on.
LENGTH_ALLOWANCE = 0.4
WINDOWS_WITHOUT_ALLOWANCE = 6
# The features of a window are brought to one length, so in a few words each of them weighs much and chance
# decides. So a window loses this much each time its words shrink e-fold, from so many words on. Both figures
# were chosen on sources left out: they silence short harmless answers and find as many urgent ones.
SHORTNESS_ALLOWANCE = 2.0
WORDS_WITHOUT_ALLOWANCE = 14
# The labelled answers hold almost none that are shorter, so the layer says nothing about them.
LEAST_WORDS = 4


class Scores(NamedTuple):
    """Log odds less the allowances, of the window that scores highest; minus infinity for a few words."""

    urgent: float  # that the answer is urgent
    care: float  # that it is urgent, and that it is at least heavy, added up


@dataclass(frozen=True, slots=True)
class Model:
    vocabulary: Vocabulary
    weights: Floats  # one row an entry of the vocabulary; the columns are urgent and heavy
    bias: Floats
    thresholds: Scores
    trained_on: str  # a checksum of the data

    def scores(self, text: str) -> Scores:
        features = features_of(without_refusals(text))
        placed = self.vocabulary.places(features)
        scored = [
            self._score(placed, (start, end))
            for start, end in features.windows()
            if end - start >= LEAST_WORDS
        ]
        if not scored:
            return Scores(-np.inf, -np.inf)
        allowance = LENGTH_ALLOWANCE * np.log(max(1, len(scored) / WINDOWS_WITHOUT_ALLOWANCE))
        urgent, heavy = np.max(scored, axis=0) - allowance
        return Scores(urgent=float(urgent), care=float(urgent + heavy))

    def level(self, text: str) -> Level:
        scores = self.scores(text)
        if scores.urgent >= self.thresholds.urgent:
            return Level.URGENT
        return Level.HEAVY if scores.care >= self.thresholds.care else Level.NONE

    def _score(self, placed: PlacedFeatures, window: Window) -> Floats:
        places, weights = self.vocabulary.weigh(placed, window)
        words = window[1] - window[0]
        allowance = SHORTNESS_ALLOWANCE * np.log(max(1, WORDS_WITHOUT_ALLOWANCE / words))
        score: Floats = weights @ self.weights[places] + self.bias - allowance
        return score


def saved(model: Model) -> bytes:
    """The model as a compressed .npz file. Half precision is enough: thresholds are chosen after rounding."""
    file = io.BytesIO()
    np.savez_compressed(
        file,
        phrase_hashes=model.vocabulary.phrase_hashes,
        letter_hashes=model.vocabulary.letter_hashes,
        rarity=model.vocabulary.rarity.astype(np.float16),
        weights=model.weights.astype(np.float16),
        bias=model.bias,
        thresholds=np.array(model.thresholds),
        trained_on=np.array(model.trained_on),
    )
    return file.getvalue()


def loaded(file: bytes) -> Model:
    with np.load(io.BytesIO(file), allow_pickle=False) as arrays:
        vocabulary = Vocabulary(
            arrays["phrase_hashes"], arrays["letter_hashes"], arrays["rarity"].astype(np.float64)
        )
        return Model(
            vocabulary=vocabulary,
            weights=arrays["weights"].astype(np.float64),
            bias=arrays["bias"],
            thresholds=Scores(*arrays["thresholds"].tolist()),
            trained_on=str(arrays["trained_on"]),
        )


@cache
def shipped_model() -> Model:
    """Read once in a process, when the first answer comes."""
    return loaded(files("narratives.safety").joinpath(MODEL).read_bytes())
