"""python -m harness.gate_training: train the learned layer of the safety gate and write its model.

The labelled answers lie in narratives/safety/training/. Equal data gives an equal model. Thresholds are
chosen on answers of authors that were left out, so that they hold for authors nobody has seen.
"""

from __future__ import annotations

import csv
import hashlib
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.logistic_regression import Floats, SparseRows, fit_logistic
from narratives.safety.features import Features, features_of
from narratives.safety.learned import MODEL, Model, Scores, saved
from narratives.safety.levels import Level
from narratives.safety.rules import rules_level
from narratives.safety.weighing import Vocabulary, vocabulary_of

TRAINING = Path(__file__).parents[1] / "narratives" / "safety" / "training"
OWN = "own_cases"  # ours, reported apart
# The author of safety_training_b says in the id of an urgent answer how it is said.
_MANNER_OF_ID = {"u-pl": "direct", "u-un": "sideways", "u-em": "embedded"}

Row = tuple[NDArray[np.int64], Floats]

LEAST_TEXTS = 2  # a phrase or run of letters that stands in one answer alone teaches nothing
STRENGTH = 6.0
ROUNDS = 1  # more rounds measured no better
# False alarms of both layers together that the thresholds allow, on answers that are none or grief.
# The aims are 5% and 15%; the rest is room for authors who write differently.
URGENT_FALSE_ALARMS = 0.04
CARE_FALSE_ALARMS = 0.13
NO_THRESHOLDS = Scores(urgent=float("inf"), care=float("inf"))


@dataclass(frozen=True, slots=True)
class Case:
    """One labelled answer."""

    source: str
    id: str
    level: Level
    kind: str
    text: str
    manner: str = ""  # how an urgent thing is said: direct, sideways or embedded in a long story

    @property
    def is_urgent(self) -> bool:
        return self.level is Level.URGENT

    @property
    def needs_care(self) -> bool:
        return self.level in (Level.URGENT, Level.HEAVY)


def read_cases(folder: Path = TRAINING) -> list[Case]:
    cases: list[Case] = []
    for path in sorted(folder.glob("*.tsv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            cases += [
                Case(
                    path.stem,
                    row["id"],
                    Level(row["level"]),
                    row["kind"],
                    row["text"],
                    row.get("manner") or _MANNER_OF_ID.get(row["id"][:4], ""),
                )
                for row in rows
            ]
    return cases


class TrainingSet:
    """Cases with all their windows weighed, ready to be fitted."""

    def __init__(self, cases: Sequence[Case]) -> None:
        self.cases = cases
        features = [features_of(case.text) for case in cases]
        self.vocabulary = vocabulary_of(features, least_texts=LEAST_TEXTS)
        self.windows = [_weighed_windows(self.vocabulary, each) for each in features]
        self.whole = [_weighed_whole(self.vocabulary, each) for each in features]

    def fit(self, is_positive: NDArray[np.bool_]) -> Floats:
        """Weights and bias. A label holds for a whole answer; each round learns from the window that counts.

        The first round learns from whole answers. Then each answer is represented by the window that the
        last round scored highest: in a long story that is the sentence which gives the danger away, or, where
        there is none, the one most easily mistaken for it.
        """
        rows = SparseRows.stack(self.whole, len(self.vocabulary))
        weights = fit_logistic(rows, is_positive, strength=STRENGTH)
        for _ in range(ROUNDS):
            chosen = [self._telling(windows, weights) for windows in self.windows]
            rows = SparseRows.stack(chosen, len(self.vocabulary))
            weights = fit_logistic(rows, is_positive, strength=STRENGTH, start=weights)
        return weights

    def model(self, thresholds: Scores, trained_on: str) -> Model:
        urgent = self.fit(np.array([case.is_urgent for case in self.cases]))
        heavy = self.fit(np.array([case.needs_care for case in self.cases]))
        both = np.stack([urgent, heavy], axis=1)
        return Model(
            vocabulary=self.vocabulary,
            weights=both[:-1].astype(np.float16).astype(np.float64),
            bias=both[-1],
            thresholds=thresholds,
            trained_on=trained_on,
        )

    @staticmethod
    def _telling(windows: list[Row], weights: Floats) -> Row:
        return max(windows, key=lambda row: float(row[1] @ weights[row[0]]))


def _weighed_windows(vocabulary: Vocabulary, features: Features) -> list[Row]:
    placed = vocabulary.places(features)
    return [vocabulary.weigh(placed, window) for window in features.windows()]


def _weighed_whole(vocabulary: Vocabulary, features: Features) -> Row:
    return vocabulary.weigh(vocabulary.places(features), (0, len(features.phrases)))


def trained(cases: Sequence[Case]) -> Model:
    """The model of these cases. Its thresholds come from authors that were left out in turn."""
    scores = scores_of_strangers(cases)
    thresholds = chosen_thresholds(cases, [scores[case] for case in cases])
    return TrainingSet(cases).model(thresholds, checksum(cases))


def scores_of_strangers(cases: Sequence[Case]) -> dict[Case, Scores]:
    """Each case scored by a model that never saw its author."""
    scores: dict[Case, Scores] = {}
    for known, held_out in one_source_left_out(cases):
        model = TrainingSet(known).model(NO_THRESHOLDS, "")
        scores |= {case: model.scores(case.text) for case in held_out}
    return scores


def one_source_left_out(cases: Sequence[Case]) -> Iterator[tuple[list[Case], list[Case]]]:
    by_source: defaultdict[str, list[Case]] = defaultdict(list)
    for case in cases:
        by_source[case.source].append(case)
    for source, held_out in by_source.items():
        yield [case for case in cases if case.source != source], held_out


def chosen_thresholds(cases: Sequence[Case], scores: Sequence[Scores]) -> Scores:
    """The lowest thresholds at which false alarms stay within what is allowed, the rules' own included."""
    harmless = [
        (score, _rules_level(case.text))
        for case, score in zip(cases, scores, strict=True)
        if not case.needs_care
    ]
    quiet = [(score.urgent, score.care) for score, by_rules in harmless if by_rules is not Level.URGENT]
    urgent = _lowest_threshold(
        [urgent for urgent, _ in quiet],
        URGENT_FALSE_ALARMS * len(harmless) - (len(harmless) - len(quiet)),
    )
    silent = [
        score.care
        for score, by_rules in harmless
        if by_rules.severity < Level.HEAVY.severity and score.urgent < urgent
    ]
    care = _lowest_threshold(silent, CARE_FALSE_ALARMS * len(harmless) - (len(harmless) - len(silent)))
    return Scores(urgent=urgent, care=care)


@cache
def _rules_level(text: str) -> Level:
    """Each text is judged in many trainings, and the rules stay as they are."""
    return rules_level(text)


def _lowest_threshold(scores: Iterable[float], allowed: float) -> float:
    """The score that at most so many reach."""
    highest_first = sorted(scores, reverse=True)
    last = max(0, int(allowed))
    return float(np.nextafter(highest_first[last], np.inf))


def checksum(cases: Sequence[Case]) -> str:
    """Changes with every label and every letter, so that a model says whether it is stale."""
    lines = sorted("\t".join((case.source, case.id, case.level, case.text)) for case in cases)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def main() -> int:
    model = trained(read_cases())
    path = TRAINING.parent / MODEL
    path.write_bytes(saved(model))
    print(
        f"{path.name}: {path.stat().st_size:,} bytes, {len(model.vocabulary):,} features, {model.thresholds}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
