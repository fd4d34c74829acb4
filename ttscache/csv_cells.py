"""Cells of a CSV file that a spreadsheet shows as text, and that are read back as they were written.

Spreadsheets run a cell as a formula if it begins with one of the signs below (OWASP, "CSV Injection"), so a
text like that is written with an apostrophe before it. A text that has apostrophes before such a sign gets
one more: otherwise a reader could not tell its own apostrophe from ours.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from typing import Any, Protocol

_NEEDS_A_GUARD = re.compile(r"'*[=+\-@\t\r\n]")
_IS_GUARDED = re.compile(r"'+[=+\-@\t\r\n]")


class TextFile(Protocol):
    """What csv.writer needs: a file, or a Django response."""

    def write(self, text: str, /) -> object: ...


def write_rows(file: TextFile, rows: Iterable[Iterable[Any]]) -> None:
    csv.writer(file).writerows(map(guarded, row) for row in rows)


def guarded(cell: Any) -> Any:
    """A cell as it is written. Only texts are guarded: a negative number stays a number."""
    return f"'{cell}" if isinstance(cell, str) and _NEEDS_A_GUARD.match(cell) else cell


def unguarded(cell: str) -> str:
    """The text that `guarded` was given."""
    return cell[1:] if _IS_GUARDED.match(cell) else cell
