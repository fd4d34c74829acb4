"""Row: measurements of ours and of a baseline; and the table of all rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

HEADINGS = ("", "ours", "baseline", "unit", "ratio", "min-max", "better", "notes")
_TEXTS = (0, 3, 6, 7)  # left-aligned columns; the others are numbers


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One figure per repetition, of ours and of the baseline that was measured together with it."""

    name: str
    ours: Sequence[float]
    baseline: Sequence[float]
    unit: str
    is_more_better: bool = False
    notes: str = ""

    @property
    def ratios(self) -> list[float]:
        """Ours / baseline of the same repetition, because other work of the machine slows both."""
        return [ours / baseline for ours, baseline in zip(self.ours, self.baseline, strict=True)]

    @property
    def cells(self) -> tuple[str, ...]:
        ratios = self.ratios
        return (
            self.name,
            figure(median(self.ours)),
            figure(median(self.baseline)),
            self.unit,
            figure(median(ratios)),
            f"{figure(min(ratios))}-{figure(max(ratios))}",
            "more" if self.is_more_better else "less",
            self.notes,
        )


def figure(number: float) -> str:
    """Format with three significant digits, and always with all digits before the point."""
    magnitude = math.floor(math.log10(number)) if number > 0 else 0
    return f"{number:,.{max(0, 2 - magnitude)}f}"


def rendered(titled: Sequence[tuple[str, Sequence[Row]]]) -> str:
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
