"""A pytest plugin that reports each fault and its effect on the listener and on stored clips, as a table."""

from __future__ import annotations

from collections.abc import Callable

import pytest

NoteFault = Callable[[str, str, str], None]

PROPERTY = "fault"
HEADINGS = ("Fault", "What the listener got", "What was kept")


@pytest.fixture
def note_fault(record_property: Callable[[str, object], None]) -> NoteFault:
    """Add a row to the table: the fault, what the listener got, what was kept. Call it after the checks."""

    def note(fault: str, heard: str, kept: str) -> None:
        record_property(PROPERTY, (fault, heard, kept))

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    rows = sorted(
        {
            tuple(map(str, value))
            for report in terminalreporter.getreports("passed")
            for name, value in report.user_properties
            if name == PROPERTY and isinstance(value, list | tuple)
        }
    )
    if not rows:
        return
    widths = [max(len(row[column]) for row in (HEADINGS, *rows)) for column in range(3)]
    terminalreporter.section("faults")
    for row in (HEADINGS, tuple("-" * width for width in widths), *rows):
        terminalreporter.write_line("  ".join(map(str.ljust, row, widths)).rstrip())
