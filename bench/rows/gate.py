"""The safety gate on an answer of 500 characters; the baseline is the list of patterns that it replaced.

The gate folds the text, tries its rules where they can begin, and scores the text's windows. The baseline
searches the text for each of the former patterns in turn.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from statistics import median

from bench.table import Judged, MeasuredRow, Target, rounded
from harness.gate_training import read_cases
from narratives.safety import level
from narratives.safety.learned import shipped_model
from narratives.safety.levels import Level
from narratives.safety.rules import rules_level

ROUNDS = 9
CHARACTERS = 500
ANSWERS = 20  # of one round
LONG = 20_000

FORMER_PATTERNS = [
    re.compile(rf"\b(?:{pattern})\b")
    for pattern in (
        r"(?:kill|hang|hurt|harm|shoot)(?:ing)? myself",
        r"(?:end|ending|take|taking) my (?:own )?life",
        r"end it all",
        r"i (?:just |really )?(?:want|wanted|wish|would like) (?:to die|to be dead|i was dead|i could die)",
        r"(?:better off|easier) (?:without me|if i (?:was|were) (?:dead|gone))",
        r"no (?:reason|point) (?:to|in) (?:live|living|go on|going on)",
        r"(?:he|she|they|someone|staff|my (?:son|daughter|carer|husband|wife)) (?:hits?|hurts?|beats?) me",
        r"i am (?:afraid|scared|frightened) of (?:him|her|them|my (?:son|daughter|carer|husband|wife))",
        r"chest pains?|can(?:'t|not| not) breathe|having a stroke|overdose[ds]?|took too many pills",
        r"suicid\w*",
        r"abus(?:e|ed|ive)",
        r"genocide|holocaust|tortured?",
        r"died|dying|passed away|lost my|funeral|buried|grief|grieving|widow\w*|miss (?:him|her|them)",
    )
]


def measure() -> Iterator[MeasuredRow]:
    story = " ".join(case.text for case in read_cases() if case.level is Level.NONE)
    answers = [story[at : at + CHARACTERS] for at in range(0, ANSWERS * CHARACTERS, CHARACTERS)]
    level(story[:CHARACTERS])  # reads the model
    learned = shipped_model().level
    rounds = [
        (_cpu_ms(level, answers), _cpu_ms(_former_level, answers), _cpu_ms(learned, answers))
        for _ in range(ROUNDS)
    ]
    yield MeasuredRow(
        name=f"{CHARACTERS} characters",
        ours=[ours for ours, _, _ in rounds],
        baseline=[baseline for _, baseline, _ in rounds],
        unit="ms of CPU",
        notes=f"of them {rounded(median(alone for _, _, alone in rounds))} ms the learned layer, at most 5",
    )
    long = [story[:LONG]]
    rounds_of_long = [(_cpu_ms(_both_layers, long), _cpu_ms(_former_level, long)) for _ in range(ROUNDS)]
    yield MeasuredRow(
        name=f"{LONG:,} characters",
        ours=[ours for ours, _ in rounds_of_long],
        baseline=[baseline for _, baseline in rounds_of_long],
        unit="ms of CPU",
        target=Target(Judged.FIGURE, 150),
        notes="both layers",
    )


def _both_layers(text: str) -> tuple[Level, Level]:
    return rules_level(text), shipped_model().level(text)


def _former_level(text: str) -> int:
    """How many of the former patterns are found."""
    plain = text.lower().replace("\u2019", "'")
    return sum(bool(pattern.search(plain)) for pattern in FORMER_PATTERNS)


def _cpu_ms(judge: Callable[[str], object], texts: list[str]) -> float:
    """Mean milliseconds of a text over all of them: one alone takes less than the clock's step."""
    began = time.process_time_ns()
    for text in texts:
        judge(text)
    return (time.process_time_ns() - began) / 1e6 / len(texts)
