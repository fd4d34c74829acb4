"""Draws measurements as SVG. The text is text, and its colours follow a light or a dark page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from bench.table import MeasuredRow, rounded

WIDTH, LABEL_WIDTH, VALUE_WIDTH = 960, 400, 180
BAR, LINE, GAP, TOP = 14, 18, 12, 34
FURTHEST = 2.0  # of the target: a longer bar is cut off there
_STYLE = """
    text { font: 13px system-ui, sans-serif; fill: #1f2328; }
    .title { font-weight: 600; }
    .ours { fill: #1a7f5a; } .baseline { fill: #6e7781; } .limit { fill: #b35900; } .missed { fill: #c93c37; }
    .mark { stroke: #1f2328; stroke-width: 1.5; stroke-dasharray: 4 3; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; }
      .ours { fill: #3fb984; } .baseline { fill: #8b949e; }
      .limit { fill: #e3963e; } .missed { fill: #f47067; }
      .mark { stroke: #e6edf3; }
    }
"""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its length as a share of the longest, its colour by class, and the words around it."""

    share: float
    kind: str
    label: str = ""
    value: str = ""


def plot_of_rows(title: str, rows: Sequence[MeasuredRow]) -> str:
    """Bars of ours, the baseline and the limit of each row. Lengths compare only within a row."""
    bars: list[Bar | None] = []
    for row in rows:
        found = row.as_json()
        kinds = {kind: found[kind] for kind in ("ours", "baseline", "limit") if found[kind] is not None}
        longest = max(kinds.values()) or 1
        for kind, value in kinds.items():
            label = row.name if kind == "ours" else ""
            bars.append(Bar(value / longest, kind, label, f"{rounded(value)} {row.unit}"))
        bars.append(None)
    legend = [("ours", "ours"), ("baseline", "baseline"), ("limit", "limit")]
    return _drawn(title, bars, [each for each in legend if any(bar and bar.kind == each[0] for bar in bars)])


def plot_of_targets(title: str, rows: Sequence[tuple[str, MeasuredRow]]) -> str:
    """A bar for each target: how far it is reached. The dashed line is the target itself."""
    bars: list[Bar | None] = []
    for name, row in rows:
        kind = "ours" if row.is_met else "missed"
        bars += [Bar(_reached(row) / FURTHEST, kind, name, row.reached_text), None]
    return _drawn(title, bars, [("ours", "met"), ("missed", "missed")], mark=1 / FURTHEST)


def _reached(row: MeasuredRow) -> float:
    """Return 1 where the target is just met and more where it is surpassed, at most FURTHEST."""
    reached, target = row.reached, row.target
    assert reached is not None
    assert target is not None
    if row.is_more_better:
        return min(FURTHEST, max(0, reached / target.bound))
    return FURTHEST if reached <= 0 else min(FURTHEST, target.bound / reached)


def _drawn(
    title: str, bars: Sequence[Bar | None], legend: Sequence[tuple[str, str]], mark: float | None = None
) -> str:
    """Draw bars from top to bottom; None is a gap."""
    height = TOP + sum(LINE if bar else GAP for bar in bars) + LINE + 8
    parts = [*_legend(title, legend)]
    y = TOP
    room = WIDTH - LABEL_WIDTH - VALUE_WIDTH
    for bar in bars:
        if bar is None:
            y += GAP
            continue
        length = max(1, round(bar.share * room))
        parts.append(f'<rect class="{bar.kind}" x="{LABEL_WIDTH}" y="{y}" width="{length}" height="{BAR}"/>')
        parts.append(_text(LABEL_WIDTH - 8, y + 11, bar.label, anchor="end"))
        end = length if mark is None else room  # beside the line of the targets, not across it
        parts.append(_text(LABEL_WIDTH + end + 6, y + 11, bar.value))
        y += LINE
    if mark is not None:
        x = LABEL_WIDTH + round(mark * room)
        parts.append(f'<line class="mark" x1="{x}" y1="{TOP - 4}" x2="{x}" y2="{y}"/>')
    body = "\n  ".join(part for part in parts if part)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}"'
        f' height="{height}" role="img">\n  <title>{escape(title)}</title>\n  <style>{_STYLE}  </style>\n'
        f"  {body}\n</svg>\n"
    )


def _legend(title: str, legend: Sequence[tuple[str, str]]) -> Iterator[str]:
    yield _text(8, 18, title, kind="title")
    x = WIDTH - 90 * len(legend)
    for kind, words in legend:
        yield f'<rect class="{kind}" x="{x}" y="8" width="12" height="12"/>'
        yield _text(x + 17, 18, words)
        x += 90


def _text(x: int, y: int, words: str, *, anchor: str = "start", kind: str = "") -> str:
    if not words:
        return ""
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x}" y="{y}" text-anchor="{anchor}">{escape(words)}</text>'
