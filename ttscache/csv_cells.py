"""Writes CSV cells that spreadsheets show as text and do not run, and reads them back unchanged.

Spreadsheets run a cell as a formula if it begins with one of the signs below (OWASP, "CSV Injection"), so an
apostrophe is written before such a text. A text that already has apostrophes before such a sign gets one
more, so that the reader can tell them apart.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from typing import Any, Protocol

_NEEDS_A_GUARD = re.compile(r"'*[=+\-@\t\r\n]")
_IS_GUARDED = re.compile(r"'+[=+\-@\t\r\n]")


class TextFile(Protocol):
    """Anything that csv.writer accepts: a file, or a Django response."""

    def write(self, text: str, /) -> object: ...


def write_rows(file: TextFile, rows: Iterable[Iterable[Any]]) -> None:
    csv.writer(file).writerows(map(guarded, row) for row in rows)


def guarded(cell: Any) -> Any:
    """Return the cell as it is written. Only texts are guarded: a negative number stays a number."""
    return f"'{cell}" if isinstance(cell, str) and _NEEDS_A_GUARD.match(cell) else cell


def unguarded(cell: str) -> str:
    """Undo `guarded`."""
    return cell[1:] if _IS_GUARDED.match(cell) else cell
