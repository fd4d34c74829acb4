"""A pytest plugin that prints tables at the end of a run.

One table lists each fault and its effect on the listener and on stored clips, the other each hostile request
and its answer.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

NoteFault = Callable[[str, str, str], None]
NoteAnswer = Callable[[str, str, int], None]

# By the name of the property that holds a row.
HEADINGS = {
    "fault": ("Fault", "What the listener got", "What was kept"),
    "hostile request": ("Request", "What was hostile about it", "Status"),
}


@pytest.fixture
def note_fault(record_property: Callable[[str, object], None]) -> NoteFault:
    """Add a row to the table: the fault, what the listener got, what was kept. Call it after the checks."""

    def note(fault: str, heard: str, kept: str) -> None:
        record_property("fault", (fault, heard, kept))

    return note


@pytest.fixture
def note_answer(record_property: Callable[[str, object], None]) -> NoteAnswer:
    """Add a row to the table: the method and address, what was hostile about the request, the status."""

    def note(request: str, hostile: str, status: int) -> None:
        record_property("hostile request", (request, hostile, str(status)))

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for name, headings in HEADINGS.items():
        _print_table(terminalreporter, name, headings)


def _print_table(terminalreporter: pytest.TerminalReporter, table: str, headings: tuple[str, ...]) -> None:
    rows = sorted(
        {
            tuple(map(str, value))
            for report in terminalreporter.getreports("passed")
            for name, value in report.user_properties
            if name == table and isinstance(value, list | tuple)
        }
    )
    if not rows:
        return
    widths = [max(len(row[column]) for row in (headings, *rows)) for column in range(3)]
    terminalreporter.section(f"{table}s")
    for row in (headings, tuple("-" * width for width in widths), *rows):
        terminalreporter.write_line("  ".join(map(str.ljust, row, widths)).rstrip())
