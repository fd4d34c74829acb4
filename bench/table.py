"""MeasuredRow: figures of ours, of a baseline and of a limit, with a target; and the table of all rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from statistics import median
from typing import Any

HEADINGS = (
    *("", "ours", "baseline", "limit", "unit", "ratio", "min-max", "to limit"),
    *("better", "target", "met", "notes"),
)
_TEXTS = (0, 4, 8, 9, 10, 11)  # left-aligned columns; the others are numbers


class Judged(StrEnum):
    """The figure of a row that its target is about."""

    FIGURE = "figure"  # ours alone, in the row's unit
    RATIO = "ratio"  # ours / baseline
    TO_LIMIT = "to limit"  # ours / limit
    OVER_LIMIT = "over limit"  # ours - limit, in the row's unit


@dataclass(frozen=True, slots=True)
class Target:
    """A bound on the median of a figure. Rows where more is better have it from below, others from above.

    `cause` says what keeps ours from it; the report shows it only while the target is missed.
    """

    judged: Judged
    bound: float
    cause: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredRow:
    """One figure per repetition, of ours and of what was measured together with it.

    The baseline is what ours replaces or has to beat, the limit is what nothing can beat. Each has as many
    figures as ours, or one if it takes too long to be repeated, or none.
    """

    name: str
    ours: Sequence[float]
    unit: str
    baseline: Sequence[float] = ()
    limit: Sequence[float] = ()
    is_more_better: bool = False
    target: Target | None = None
    notes: str = ""

    @property
    def ratios(self) -> list[float]:
        """Ours / baseline of the same repetition, because other work of the machine slows both."""
        return _quotients(self.ours, self.baseline)

    @property
    def reached(self) -> float | None:
        """The figure that the target is about."""
        if self.target is None:
            return None
        figures: Sequence[float]
        match self.target.judged:
            case Judged.FIGURE:
                figures = self.ours
            case Judged.RATIO:
                figures = self.ratios
            case Judged.TO_LIMIT:
                figures = _quotients(self.ours, self.limit)
            case Judged.OVER_LIMIT:
                figures = [ours - limit for ours, limit in _paired(self.ours, self.limit)]
        return median(figures) if figures else None

    @property
    def is_met(self) -> bool | None:
        reached = self.reached
        if self.target is None or reached is None:
            return None
        return reached >= self.target.bound if self.is_more_better else reached <= self.target.bound

    @property
    def target_text(self) -> str:
        """The target in words, such as "at least 1 x the baseline"."""
        if self.target is None:
            return ""
        side, bound = "at least" if self.is_more_better else "at most", f"{self.target.bound:g}"
        return {
            Judged.FIGURE: f"{side} {bound} {self.unit}",
            Judged.RATIO: f"{side} {bound} x the baseline",
            Judged.TO_LIMIT: f"{side} {bound} x the limit",
            Judged.OVER_LIMIT: f"{side} {bound} {self.unit} over the limit",
        }[self.target.judged]

    @property
    def reached_text(self) -> str:
        """The figure that the target is about, such as "1.11 x the baseline"."""
        reached = self.reached
        if self.target is None or reached is None:
            return ""
        ending = {
            Judged.FIGURE: self.unit,
            Judged.RATIO: "x the baseline",
            Judged.TO_LIMIT: "x the limit",
            Judged.OVER_LIMIT: f"{self.unit} over the limit",
        }[self.target.judged]
        return f"{rounded(reached)} {ending}"

    @property
    def cells(self) -> tuple[str, ...]:
        ratios, to_limit = self.ratios, _quotients(self.ours, self.limit)
        return (
            self.name,
            rounded(median(self.ours)),
            rounded(median(self.baseline)) if self.baseline else "",
            rounded(median(self.limit)) if self.limit else "",
            self.unit,
            rounded(median(ratios)) if ratios else "",
            f"{rounded(min(ratios))}-{rounded(max(ratios))}" if ratios else "",
            rounded(median(to_limit)) if to_limit else "",
            "more" if self.is_more_better else "less",
            self.target_text,
            "" if self.is_met is None else "yes" if self.is_met else "NO",
            self.notes,
        )

    def as_json(self) -> dict[str, Any]:
        ratios, to_limit = self.ratios, _quotients(self.ours, self.limit)
        return {
            "name": self.name,
            "unit": self.unit,
            "better": "more" if self.is_more_better else "less",
            "ours": median(self.ours),
            "baseline": median(self.baseline) if self.baseline else None,
            "limit": median(self.limit) if self.limit else None,
            "ratio": median(ratios) if ratios else None,
            "ratio_to_limit": median(to_limit) if to_limit else None,
            "target": self._target_as_json(),
            "notes": self.notes,
            "repetitions": {
                "ours": list(self.ours),
                "baseline": list(self.baseline),
                "limit": list(self.limit),
            },
        }

    def _target_as_json(self) -> dict[str, Any] | None:
        if self.target is None:
            return None
        words = {"text": self.target_text, "reached": self.reached, "is_met": self.is_met}
        return asdict(self.target) | words


def _quotients(ours: Sequence[float], others: Sequence[float]) -> list[float]:
    """Return a ratio for each repetition, or none where the other side is missing or zero."""
    if not others or 0 in others:
        return []
    return [one / other for one, other in _paired(ours, others)]


def _paired(ours: Sequence[float], others: Sequence[float]) -> list[tuple[float, float]]:
    repeated = list(others) * len(ours) if len(others) == 1 else others
    return list(zip(ours, repeated, strict=True))


def rounded(number: float) -> str:
    """Format with three significant digits, and always with all digits before the point."""
    magnitude = math.floor(math.log10(abs(number))) if number else 0
    return f"{number:,.{min(6, max(0, 2 - magnitude))}f}"


def rendered(titled: Sequence[tuple[str, Sequence[MeasuredRow]]]) -> str:
    """One table of all rows, under the titles of their benchmarks."""
    cells = [HEADINGS, *(row.cells for _, rows in titled for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADINGS))]
    lines = [_line(HEADINGS, widths)]
    for title, rows in titled:
        lines += ["", title, *(_line(row.cells, widths) for row in rows)]
    return "\n".join(lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    aligned = (
        cell.ljust(width) if column in _TEXTS else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return f"  {'  '.join(aligned)}".rstrip()
