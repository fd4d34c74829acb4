"""write_report(): keeps the measurements as JSON, and shows them as a page with plots.

A run of some benchmarks replaces only their figures; those of the others stay, each with its own date.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import median
from typing import Any

from bench.plots import plot_of_rows, plot_of_targets
from bench.table import Judged, MeasuredRow, Target, rounded

PAGE, FOLDER, RESULTS = "measured.md", "measured", "results.json"
_INTRODUCTION = """\
# Measured

`make bench` writes this page, its plots and [all figures as JSON](measured/results.json).
[bench/README.md](../bench/README.md) says how each row is measured. Ours, the baseline and the limit take
turns in one run, and a figure is the median of several repetitions. A ratio is the median of the ratios
within a repetition, so that other work of the machine slows both sides. Ratios can be compared between
machines; the figures themselves cannot.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """One benchmark of one run."""

    name: str
    title: str
    rows: Sequence[MeasuredRow]
    is_whole: bool  # whether it reached its end
    seconds: float
    measured_at: str
    machine: str

    def as_json(self) -> dict[str, Any]:
        figures = [row.as_json() for row in self.rows]
        return {each.name: getattr(self, each.name) for each in fields(self)} | {"rows": figures}


def write_report(measured: Sequence[Measurement], docs: Path, *, known: Collection[str] = ()) -> None:
    """Write the page, its plots and the JSON into this folder.

    Former figures of a benchmark that is not `known` are dropped: it no longer exists.
    """
    folder = docs / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    results = folder / RESULTS
    former = {each.name: each for each in _read(results) if not known or each.name in known}
    found = former | {each.name: each for each in measured}
    ordered = [found[name] for name in sorted(found)]
    written = {"benchmarks": [each.as_json() for each in ordered]}
    results.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n")
    for old in folder.glob("*.svg"):
        old.unlink()
    targets = [(f"{each.name}: {row.name}", row) for each in ordered for row in each.rows if row.target]
    if targets:
        (folder / "targets.svg").write_text(plot_of_targets("Reached of each target", targets))
    for each in ordered:
        if each.rows:
            (folder / f"{each.name}.svg").write_text(plot_of_rows(each.name, each.rows))
    (docs / PAGE).write_text("\n".join(_page(ordered)))


def _read(results: Path) -> Iterator[Measurement]:
    if not results.exists():
        return
    for each in json.loads(results.read_text())["benchmarks"]:
        yield Measurement(**each | {"rows": [row_from_json(row) for row in each["rows"]]})


def row_from_json(found: dict[str, Any]) -> MeasuredRow:
    target = found["target"]
    return MeasuredRow(
        name=found["name"],
        unit=found["unit"],
        is_more_better=found["better"] == "more",
        notes=found["notes"],
        target=target and Target(Judged(target["judged"]), target["bound"], target["cause"]),
        **found["repetitions"],
    )


def _page(measured: Sequence[Measurement]) -> Iterator[str]:
    yield _INTRODUCTION
    yield "## Targets\n"
    rows = [(each, row) for each in measured for row in each.rows if row.target]
    met = sum(bool(row.is_met) for _, row in rows)
    yield f"{met} of {len(rows)} are met.\n"
    yield "| | target | reached | met |\n|---|---|---|---|"
    for each, row in rows:
        name = f"[{each.name}](#{each.name}): {_cell(row.name)}"
        yield f"| {name} | {row.target_text} | {row.reached_text} | {'yes' if row.is_met else '**no**'} |"
    yield "\n![A bar for each target, and a line where it is met](measured/targets.svg)\n"
    yield from _causes([row for _, row in rows])
    for each in measured:
        yield from _section(each)


def _causes(rows: Sequence[MeasuredRow]) -> Iterator[str]:
    missed = [row for row in rows if not row.is_met and row.target and row.target.cause]
    if missed:
        yield "What keeps a row from its target:\n"
        for row in missed:
            assert row.target is not None
            yield f"- {row.name}: {row.target.cause}"
        yield ""


def _section(measured: Measurement) -> Iterator[str]:
    yield f"## {measured.name}\n\n{_sentence(measured.title)}\n"
    if not measured.is_whole:
        yield "**It failed before its end**, so rows are missing.\n"
    if measured.rows:
        yield "| | ours | baseline | limit | unit | ratio to baseline | ratio to limit | better | notes |"
        yield "|---|--:|--:|--:|---|--:|--:|---|---|"
        for row in measured.rows:
            yield f"| {' | '.join(_cells(row))} |"
        yield f"\n![The rows above as bars](measured/{measured.name}.svg)\n"
    yield f"{measured.measured_at}, {measured.machine}, {measured.seconds:.0f} s.\n"


def _cells(row: MeasuredRow) -> Iterator[str]:
    found = row.as_json()
    yield _cell(row.name)
    for name in ("ours", "baseline", "limit"):
        yield "" if found[name] is None else rounded(found[name])
    yield row.unit
    ratios = row.ratios
    yield f"{rounded(median(ratios))} ({rounded(min(ratios))}-{rounded(max(ratios))})" if ratios else ""
    yield "" if found["ratio_to_limit"] is None else rounded(found["ratio_to_limit"])
    yield found["better"]
    yield _cell(row.notes)


def _cell(words: str) -> str:
    return words.replace("|", "\\|").replace("\n", " ")


def _sentence(title: str) -> str:
    return title if title.endswith(".") else f"{title}."
