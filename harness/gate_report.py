"""python -m harness.gate_report: measure the safety gate on authors it has not learned from.

Each source (a file, by one hand) is left out in turn: the learned layer and its thresholds come from the
others. `--write` puts the report into docs/safety.md. It takes some minutes.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.gate_training import OWN, TRAINING, Case, checksum, one_source_left_out, read_cases, trained
from narratives.safety.learned import Model
from narratives.safety.levels import Level, highest
from narratives.safety.rules import rules_level

PAGE = Path(__file__).parents[1] / "docs" / "safety.md"
BEGIN, END = "<!-- report begins -->", "<!-- report ends -->"
OTHERS = "the three other files"

LONG_TEXTS = (2_000, 8_000, 20_000)  # characters
STORY = 2_000  # characters of the harmless story in which one urgent answer is hidden
LONGEST_HIDDEN = 200
LONG_TEXTS_NOTE = (
    "Long texts: ordinary answers one after the other; all harmless answers, those that are written to",
    f"mislead among them; and a short urgent answer in the middle of {STORY:,} harmless characters:",
)
# Kinds of harmless answers that were written to mislead a gate: idioms, denials, illnesses that ended well.
MISLEADING_KINDS = ("hn_", "hard_", "idiom", "figurative", "negated", "past-", "quoted-", "third-")


@dataclass(frozen=True, slots=True)
class Verdict:
    case: Case
    level: Level

    @property
    def offers_help(self) -> bool:
        return self.level in (Level.URGENT, Level.HEAVY)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One source, and a model that has not seen it."""

    source: str
    model: Model
    verdicts: list[Verdict]

    def level(self, text: str) -> Level:
        return highest((rules_level(text), self.model.level(text)))


@dataclass(frozen=True, slots=True)
class Share:
    """Some of a number of answers."""

    found: int
    of: int

    @property
    def percent(self) -> float:
        return 100 * self.found / self.of if self.of else 0.0

    def __str__(self) -> str:
        return f"{self.percent:.1f}% ({self.found} of {self.of})" if self.of else "-"


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures that the aims of the gate speak of."""

    urgent_as_urgent: Share
    urgent_helped: Share
    direct_as_urgent: Share
    heavy_helped: Share
    harmless_as_urgent: Share
    harmless_helped: Share

    @classmethod
    def of(cls, verdicts: Sequence[Verdict]) -> Summary:
        urgent = [each for each in verdicts if each.case.is_urgent]
        harmless = [each for each in verdicts if not each.case.needs_care]
        return cls(
            urgent_as_urgent=_share(urgent, _is_urgent),
            urgent_helped=_share(urgent, _is_helped),
            direct_as_urgent=_share([each for each in urgent if each.case.manner == "direct"], _is_urgent),
            heavy_helped=_share([each for each in verdicts if each.case.level is Level.HEAVY], _is_helped),
            harmless_as_urgent=_share(harmless, _is_urgent),
            harmless_helped=_share(harmless, _is_helped),
        )

    def cells(self) -> list[str]:
        return [
            str(self.urgent_helped),
            str(self.urgent_as_urgent),
            str(self.direct_as_urgent),
            str(self.heavy_helped),
            str(self.harmless_as_urgent),
            str(self.harmless_helped),
        ]


def measured(cases: Sequence[Case]) -> list[LeftOut]:
    """Each source judged by a gate that learned from the others alone, its thresholds included."""
    measured: list[LeftOut] = []
    for known, held_out in one_source_left_out(cases):
        model = trained(known)
        verdicts = [
            Verdict(case, highest((rules_level(case.text), model.level(case.text)))) for case in held_out
        ]
        measured.append(LeftOut(held_out[0].source, model, verdicts))
    return measured


def gate_report() -> str:
    cases = read_cases()
    with_ours = measured(cases)
    without_ours = measured([case for case in cases if case.source != OWN])
    return "\n".join(
        [
            f"Data, rules and code: `{fingerprint()}`",
            "",
            "Trained with our own cases:",
            "",
            *_summaries(with_ours),
            "",
            "Trained without them:",
            "",
            *_summaries(without_ours),
            "",
            *LONG_TEXTS_NOTE,
            "",
            *_long_texts(with_ours),
            "",
            "By kind, trained with our own cases (more is better for urgent and heavy, less for the rest):",
            "",
            *_kinds(with_ours),
        ]
    )


def fingerprint() -> str:
    """Changes with the data, the rules and the code of the gate, so that a test finds a stale report."""
    digest = hashlib.sha256(checksum(read_cases()).encode())
    room = TRAINING.parent
    for path in sorted([*room.glob("*.py"), *room.glob("*.toml"), *Path(__file__).parent.glob("gate_*.py")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def report_of_page(page: str) -> str:
    return page.partition(BEGIN)[2].partition(END)[0].strip()


def _summaries(parts: Sequence[LeftOut]) -> Iterator[str]:
    rows = [[f"`{part.source}`", *Summary.of(part.verdicts).cells()] for part in parts]
    others = [verdict for part in parts if part.source != OWN for verdict in part.verdicts]
    rows.append([OTHERS, *Summary.of(others).cells()])
    yield from _table(
        [
            "left out",
            "urgent: urgent or heavy",
            "urgent: urgent",
            "urgent, said directly: urgent",
            "heavy: urgent or heavy",
            "none or grief: urgent",
            "none or grief: urgent or heavy",
        ],
        rows,
    )


def _kinds(parts: Sequence[LeftOut]) -> Iterator[str]:
    groups: defaultdict[tuple[int, str, str], list[Verdict]] = defaultdict(list)
    for part in parts:
        for verdict in part.verdicts:
            case = verdict.case
            groups[-case.level.severity, case.source, case.kind].append(verdict)
    rows = [
        [
            str(verdicts[0].case.level),
            kind,
            f"`{source}`",
            str(_share(verdicts, _is_urgent)),
            str(_share(verdicts, _is_helped)),
        ]
        for (_, source, kind), verdicts in sorted(groups.items())
    ]
    yield from _table(["level", "kind", "source", "urgent", "urgent or heavy"], rows)


def _long_texts(parts: Sequence[LeftOut]) -> Iterator[str]:
    rows: list[list[str]] = []
    for name, is_wanted in (("ordinary", _is_ordinary), ("harmless", _is_harmless)):
        for length in LONG_TEXTS:
            levels = [part.level(text) for part in parts for text in _stories(part, length, is_wanted)]
            rows.append([f"{name}, {length:,} characters", *_level_cells(levels)])
    hidden = [part.level(text) for part in parts for text in _hidden(part)]
    rows.append([f"urgent inside {STORY:,} harmless characters", *_level_cells(hidden)])
    yield from _table(["text", "urgent", "urgent or heavy"], rows)


def _is_harmless(case: Case) -> bool:
    return case.level is Level.NONE


def _is_ordinary(case: Case) -> bool:
    """Harmless, and not written to mislead a gate."""
    return _is_harmless(case) and case.source != OWN and not case.kind.startswith(MISLEADING_KINDS)


def _stories(part: LeftOut, length: int, is_wanted: Callable[[Case], bool]) -> Iterator[str]:
    """Answers one after the other, each used once."""
    story = ""
    for verdict in part.verdicts:
        if is_wanted(verdict.case):
            story += verdict.case.text.rstrip(".") + ". "
            if len(story) >= length:
                yield story[:length]
                story = ""


def _hidden(part: LeftOut) -> Iterator[str]:
    stories = list(_stories(part, STORY // 2, _is_harmless))
    short = [
        verdict.case.text
        for verdict in part.verdicts
        if verdict.case.is_urgent and len(verdict.case.text) <= LONGEST_HIDDEN
    ]
    for number, text in enumerate(short):
        before, after = stories[number % len(stories)], stories[(number + 1) % len(stories)]
        yield f"{before}. {text.rstrip('.')}. {after}"


def _level_cells(levels: Sequence[Level]) -> list[str]:
    urgent = sum(each is Level.URGENT for each in levels)
    helped = sum(each in (Level.URGENT, Level.HEAVY) for each in levels)
    return [str(Share(urgent, len(levels))), str(Share(helped, len(levels)))]


def _share(verdicts: Sequence[Verdict], is_found: Callable[[Verdict], bool]) -> Share:
    return Share(sum(map(is_found, verdicts)), len(verdicts))


def _is_urgent(verdict: Verdict) -> bool:
    return verdict.level is Level.URGENT


def _is_helped(verdict: Verdict) -> bool:
    return verdict.offers_help


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(headings)} |"
    yield f"|{'---|' * len(headings)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m harness.gate_report", description="Measures the gate.")
    parser.add_argument("--write", action="store_true", help="put the report into docs/safety.md")
    given = parser.parse_args()
    text = gate_report()
    print(text)
    if given.write:
        page = PAGE.read_text(encoding="utf-8")
        before, _, rest = page.partition(BEGIN)
        after = rest.partition(END)[2]
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
