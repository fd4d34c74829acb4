from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttscache.csv_cells import guarded, unguarded, write_rows

pytestmark = pytest.mark.any_database

BEGINNINGS = st.text(alphabet="'=+-@\t\r\n a", max_size=4)
TEXTS = st.builds(str.__add__, BEGINNINGS, st.text(st.characters(exclude_categories=["Cs"]), max_size=20))


@given(st.lists(st.lists(TEXTS, min_size=1), max_size=5))
def test_a_csv_file_is_read_back_as_written(rows: list[list[str]]) -> None:
    file = io.StringIO(newline="")
    write_rows(file, rows)
    file.seek(0)
    assert [[unguarded(cell) for cell in row] for row in csv.reader(file)] == rows


@given(TEXTS)
def test_a_csv_cell_never_begins_like_a_formula(text: str) -> None:
    assert guarded(text)[:1] not in ("=", "+", "-", "@", "\t", "\r", "\n")


@pytest.mark.parametrize("value", [-1.5, 0, None, True])
def test_numbers_are_written_to_csv_as_they_are(value: object) -> None:
    assert guarded(value) is value


@pytest.mark.parametrize("text", ["'Tis so.", "It's = 2", "", "'"])
def test_a_text_that_is_no_formula_is_written_as_it_is(text: str) -> None:
    assert guarded(text) == text
