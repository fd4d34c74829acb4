"""Read the rows of a sheet: the column names, and each row that cannot be understood. Reads CSV, too.

Python's csv module repairs silently: it cuts rows that have too many cells, and an unclosed quote swallows
the rows below it. Here both are problems of the row. Only empty rows and empty columns are left out.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from narratives.editing.file_encoding import UnreadableFile

_SEPARATORS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a vertical bar"}
# Excel reads the separator from such a line and writes it in some countries.
_SEPARATOR_LINE = re.compile(r'\s*"?sep=(?P<separator>[^\r\n])"?[,;\t ]*(?:\r\n|\r|\n|$)', re.IGNORECASE)
_MOST_COLUMNS = 100
_MOST_CHARACTERS_OF_A_CELL = csv.field_size_limit()


# The cells of a row, and why they cannot be read: empty if they can.
Record = tuple[list[str], str]


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A row below the column names. The first is number 1, and empty rows count, as in a spreadsheet.

    `says` is empty, or the reason why the row cannot be understood.
    """

    number: int
    cells: dict[str, str]
    says: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rows of a file. `separator` is that of a CSV file, and empty for a workbook."""

    rows: tuple[SheetRow, ...]
    notes: tuple[str, ...]
    separator: str


def read_sheet(text: str, columns: Sequence[str], optional: Sequence[str], most_rows: int) -> Sheet:
    """Read the named columns. Raises UnreadableFile if one of `columns` is missing or there are no rows."""
    told = _SEPARATOR_LINE.match(text)
    body = text[told.end() :] if told else text
    separator = max(_SEPARATORS, key=lambda each: len(set(_column_names(body, each)) & {*columns, *optional}))
    return sheet_of(_records(body, separator), columns, optional, most_rows, separator)


def sheet_of(
    records: Iterator[Record],
    columns: Sequence[str],
    optional: Sequence[str],
    most_rows: int,
    separator: str = "",
) -> Sheet:
    """Read the named columns of these records; the first one that is not blank names them.

    Raises UnreadableFile.
    """
    header = next((cells for cells, _ in records if not is_blank(cells)), [""])
    places = _places([" ".join(cell.split()).lower() for cell in header], columns, optional)
    while not header[-1].strip():  # a spreadsheet may write thousands of empty columns
        header.pop()
    if len(header) > _MOST_COLUMNS:
        raise UnreadableFile(
            f"The file has more than {_MOST_COLUMNS} columns. Remove those that are not needed."
        )
    rows: list[SheetRow] = []
    blank, filled = 0, set[int]()
    for number, (cells, says) in enumerate(records, start=1):
        if not says and is_blank(cells):
            blank += 1
            continue
        if len(rows) == most_rows:
            raise UnreadableFile(f"The file has more than {most_rows:,} rows. Split it into several files.")
        named = {name: cells[place] if place < len(cells) else "" for name, place in places.items()}
        rows.append(SheetRow(number, named, says or _wrong_length(cells, header, places, separator)))
        filled |= {place for place, cell in enumerate(cells) if cell.strip()}
    if not rows:
        raise UnreadableFile("The file has column names but no texts below them.")
    ignored = [
        f"“{header[place].strip()}”" for place in sorted(filled - {*places.values()}) if place < len(header)
    ]
    return Sheet(tuple(rows), tuple(_notes(blank, ignored)), separator)


def _notes(blank: int, ignored: Sequence[str]) -> Iterator[str]:
    if blank:
        yield "1 empty row was left out." if blank == 1 else f"{blank} empty rows were left out."
    if ignored:
        named, is_one = ", ".join(ignored), len(ignored) == 1
        yield f"The column {named} is not imported." if is_one else f"The columns {named} are not imported."


def _column_names(body: str, separator: str) -> list[str]:
    cells = next((cells for cells, _ in _records(body, separator) if not is_blank(cells)), [])
    return [" ".join(cell.split()).lower() for cell in cells]


def _places(names: Sequence[str], columns: Sequence[str], optional: Sequence[str]) -> dict[str, int]:
    missing = [name for name in columns if name not in names]
    if missing:
        raise UnreadableFile(
            f"The first line must name the columns {', '.join(columns)}. Missing: {', '.join(missing)}."
            " Add the line, or export the journey as CSV and copy its first line."
        )
    name, times = Counter(name for name in names if name).most_common(1)[0]
    if times > 1:
        raise UnreadableFile(f"The column “{name[:50]}” appears twice. Remove or rename one of the two.")
    return {name: names.index(name) for name in [*columns, *optional] if name in names}


def _records(body: str, separator: str) -> Iterator[Record]:
    """The cells of each record. After a record that cannot be read come no others."""
    reader = csv.reader(io.StringIO(body, newline=""), delimiter=separator, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            yield next(reader), ""
        except StopIteration:
            return
        except csv.Error as error:
            yield [], _unreadable_row(str(error), line)
            return


def _unreadable_row(error: str, line: int) -> str:
    if "field limit" in error:
        return (
            f"A cell of this row (line {line} of the file) is longer than {_MOST_CHARACTERS_OF_A_CELL:,}"
            " characters. Perhaps a quotation mark is not closed. The rows below were not read."
        )
    return (
        f"A quotation mark in this row (line {line} of the file) is not closed, or words follow it directly."
        " The rows below were not read. Put quotation marks around the whole text, and double those inside"
        ' it: "She said ""hello"" to me." A spreadsheet does this for you when it saves as CSV.'
    )


def _wrong_length(cells: Sequence[str], header: Sequence[str], places: dict[str, int], separator: str) -> str:
    ignored = [place for place, name in enumerate(header) if name.strip() and place not in places.values()]
    beyond = [cell for place, cell in enumerate(cells) if not "".join(header[place : place + 1]).strip()]
    # The rest of a cut text may also stand in a column that is not imported: it begins with a space, or it
    # moves the last cell behind the last column.
    is_cut = any(cell.strip() for cell in beyond) or (ignored and len(cells) > len(header))
    if is_cut and not separator:
        return "A cell of this row stands to the right of the last column name. Move or delete it."
    if not separator:
        return ""  # a workbook leaves out the empty cells at the end of a row
    if is_cut or any(cells[place][:1].isspace() for place in ignored if place < len(cells)):
        mark = _SEPARATORS[separator]
        return (
            f"This row has more cells than there are column names: {mark} inside a text has cut it. Put"
            ' straight quotation marks (") around the whole text. Spreadsheets do so when they save as CSV.'
        )
    if len(cells) <= max(places.values()):
        return f"This row has {len(cells)} cells, but there are {max(places.values()) + 1} column names."
    return ""


def is_blank(cells: Iterable[str]) -> bool:
    return not any(cell.strip() for cell in cells)
