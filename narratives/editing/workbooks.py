"""Read the rows of an Excel workbook (.xlsx, ECMA-376), as `sheets` reads those of a CSV file.

The file is opened for reading only, its size is checked before it is unpacked, and its XML may define no
entities. A cell counts only if it holds plain words or numbers: a formula, a date or an error is a problem of
its row, because what a person sees there is not what the file holds.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from narratives.editing.file_encoding import UnreadableFile
from narratives.editing.sheets import Record, Sheet, is_blank, sheet_of

if TYPE_CHECKING:
    from openpyxl.cell.read_only import ReadOnlyCell
    from openpyxl.worksheet.worksheet import Worksheet

MOST_UNPACKED_BYTES = 30_000_000
MOST_PARTS = 500
MOST_SHEETS = 50
MOST_ROWS_READ = 20_000  # of one sheet, most of them empty: a spreadsheet may have formatted them all
MOST_CELLS_READ = 100  # of one row
SAVE_AS = "Open it and save it again as “Excel Workbook (.xlsx)”, or as CSV in UTF-8."

_PLAIN_FORMATS = ("General", "@", "0", "Standard")


def is_workbook(content: bytes) -> bool:
    """Whether these are the bytes of an .xlsx file, whatever its name says."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            return "xl/workbook.xml" in parts.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
        return False


def read_workbook(content: bytes, columns: Sequence[str], optional: Sequence[str], most_rows: int) -> Sheet:
    """Read the one sheet that has the named columns. Raises UnreadableFile, also for a damaged workbook."""
    _check_size(content)
    import openpyxl  # late: few processes ever read a workbook

    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, keep_links=False)
    except Exception as error:  # its parts may be damaged in any way
        raise UnreadableFile(f"The workbook is damaged, or another program wrote it. {SAVE_AS}") from error
    try:
        sheet = _the_sheet(book.worksheets, {*columns, *optional})
        return sheet_of(_records(sheet), columns, optional, most_rows)
    except UnreadableFile:
        raise
    except Exception as error:  # read in pieces: a later part may be damaged, too
        raise UnreadableFile(f"The workbook is damaged, or another program wrote it. {SAVE_AS}") from error
    finally:
        book.close()


def _check_size(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        listed = parts.infolist()
    if len(listed) > MOST_PARTS or sum(part.file_size for part in listed) > MOST_UNPACKED_BYTES:
        raise UnreadableFile("The workbook is larger than a journey can be. Copy the texts into a new one.")


def _the_sheet(sheets: Sequence[Worksheet], names: set[str]) -> Worksheet:
    """The visible sheet whose first row names our columns. Raises UnreadableFile if there are several."""
    visible = [sheet for sheet in sheets if sheet.sheet_state == "visible"][:MOST_SHEETS]
    if not visible:
        raise UnreadableFile("The workbook has no visible sheet.")
    found = [sheet for sheet in visible if len(names & {*_column_names(sheet)}) > 1]
    if len(found) > 1:
        named = ", ".join(f"“{sheet.title[:50]}”" for sheet in found)
        raise UnreadableFile(f"Several sheets hold texts: {named}. Leave one of them in the file.")
    return found[0] if found else visible[0]


def _column_names(sheet: Worksheet) -> list[str]:
    cells = next((cells for cells, _ in _records(sheet) if not is_blank(cells)), [])
    return [" ".join(cell.split()).lower() for cell in cells]


def _records(sheet: Worksheet) -> Iterator[Record]:
    for number, row in enumerate(sheet.iter_rows(max_col=MOST_CELLS_READ)):
        if number == MOST_ROWS_READ:
            says = f"The sheet has more than {MOST_ROWS_READ:,} rows. Delete those below the texts."
            raise UnreadableFile(says)
        read = [_words_of(cell) for cell in row]
        cells = [words for words, _ in read]
        while cells and not cells[-1]:
            cells.pop()
        yield cells, next((says for _, says in read if says), "")


def _words_of(cell: ReadOnlyCell) -> tuple[str, str]:
    """The words in a cell, and why they cannot be told from it. Both may be empty."""
    value: Any = cell.value
    if value is None:
        return "", ""
    at = f"The cell {cell.coordinate}"
    if cell.data_type == "f":
        how = "Copy the column and paste it as values (Paste Special, Values)."
        return "?", f"{at} holds a formula, not words. {how}"
    if cell.data_type == "e":
        return "?", f"{at} holds an error ({str(value)[:20]}). Type the words again."
    if isinstance(value, str):
        return value, ""
    if isinstance(value, bool) or cell.is_date or not isinstance(value, int | float):
        return "?", f"{at} holds a date or another value, not words. Format it as Text and type it again."
    if cell.number_format not in _PLAIN_FORMATS:
        return "?", f"{at} holds a number that is shown in another form. Format it as Text and type it again."
    return str(int(value)) if float(value).is_integer() else repr(value), ""
