"""Journeys in Excel workbooks, and new texts without a slug."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from datetime import date
from typing import Any

import openpyxl
import pytest
from openpyxl.styles import numbers

from narratives.editing.import_export import Parsed, compare, import_into_drafts, parse_file
from narratives.models import Journey, Narrative

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

HEADER = ("slug", "kind", "position", "title", "text")
CAFE = "Tell me about Renée’s café. What was it like?"  # noqa: RUF001
A_ROW = ("cafe", "question", 1, "The café", CAFE)


def workbook(*rows: Sequence[Any], **more: Sequence[Sequence[Any]]) -> bytes:
    """A workbook with these rows on its first sheet, and others by name."""
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(row)
    for name, others in more.items():
        sheet = book.create_sheet(name)
        for row in others:
            sheet.append(row)
    return saved(book)


def saved(book: openpyxl.Workbook) -> bytes:
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def read(content: bytes) -> list[tuple[str, str, str, str]]:
    parsed = parse_file(content)
    assert parsed.problems == ()
    return [(row.slug, row.kind, row.title, row.text) for row in parsed.rows]


def refusal(content: bytes) -> tuple[int, str, str]:
    (problem,) = parse_file(content).problems
    return problem.row, problem.field, problem.says


@pytest.fixture
def journey() -> Journey:
    return Journey.objects.create(slug="ours", title="Ours")


class TestWhatIsRead:
    def test_a_workbook_is_read_whatever_its_name_says(self) -> None:
        assert read(workbook(HEADER, A_ROW)) == [("cafe", "question", "The café", CAFE)]

    def test_rows_take_the_order_of_their_positions(self) -> None:
        rows = [("b", "question", 2, "B", "Second?"), ("a", "question", 1.0, "A", "First?")]
        assert [slug for slug, *_ in read(workbook(HEADER, *rows))] == ["a", "b"]

    def test_words_that_look_like_a_formula_stay_words(self) -> None:
        book = openpyxl.Workbook()
        sheet = book.active
        assert sheet is not None
        sheet.append(HEADER)
        sheet.append(("a", "question", 1, "A", "x"))
        sheet["E2"].value, sheet["E2"].data_type = "=1+1 is what?", "s"
        assert read(saved(book)) == [("a", "question", "A", "=1+1 is what?")]

    def test_empty_rows_columns_and_cells_are_left_out(self) -> None:
        content = workbook((*HEADER, None, None), (None,) * 7, A_ROW, (None, "", "  "))
        parsed = parse_file(content)
        assert [row.slug for row in parsed.rows] == ["cafe"]
        assert parsed.notes == ("2 empty rows were left out.",)

    def test_the_one_sheet_with_our_columns_is_read(self) -> None:
        content = workbook(("Notes",), ("Call Ana",), Texts=[HEADER, A_ROW])
        assert read(content)[0][0] == "cafe"

    def test_a_column_of_notes_is_named_and_not_imported(self) -> None:
        parsed = parse_file(workbook((*HEADER, "By"), (*A_ROW, "Ana")))
        assert parsed.notes == ("The column “By” is not imported.",)

    def test_a_number_in_a_plain_cell_is_read_as_it_is_shown(self) -> None:
        assert read(workbook(HEADER, ("a", "question", 1, 1945, "What was it like?")))[0][2] == "1945"


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("cell", "says"),
        [
            ("=A2&A3", "The cell E2 holds a formula, not words. Copy the column and paste it as values"),
            (date(2026, 11, 28), "The cell E2 holds a date or another value"),
            (True, "The cell E2 holds a date or another value"),
        ],
    )
    def test_a_cell_without_words_is_named(self, cell: Any, says: str) -> None:
        row, field, told = refusal(workbook(HEADER, ("a", "question", 1, "A", cell)))
        assert (row, field) == (1, "row")
        assert told.startswith(says)

    def test_a_number_shown_in_another_form_is_named(self) -> None:
        book = openpyxl.load_workbook(io.BytesIO(workbook(HEADER, ("a", "question", 1, 0.5, "Text"))))
        assert book.active is not None
        book.active["D2"].number_format = numbers.FORMAT_PERCENTAGE
        assert "shown in another form" in refusal(saved(book))[2]

    def test_two_sheets_with_texts_are_named(self) -> None:
        assert "Several sheets hold texts" in refusal(workbook(HEADER, A_ROW, More=[HEADER, A_ROW]))[2]

    def test_missing_columns_are_named(self) -> None:
        assert "Missing: text." in refusal(workbook(("kind", "title"), ("question", "A")))[2]

    def test_a_cell_beyond_the_columns_is_named(self) -> None:
        assert "to the right of the last column name" in refusal(workbook(HEADER, (*A_ROW, "lost")))[2]

    @pytest.mark.parametrize("cut", [0.3, 0.6, 0.9])
    def test_a_workbook_that_is_cut_off_is_refused(self, cut: float) -> None:
        content = workbook(HEADER, *[A_ROW] * 50)
        row, field, _ = refusal(content[: int(len(content) * cut)])
        assert (row, field) == (0, "file")

    def test_a_damaged_part_is_refused(self) -> None:
        file = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(workbook(HEADER, A_ROW))) as whole, zipfile.ZipFile(file, "w") as cut:
            for part in whole.namelist():
                is_sheet = part.startswith("xl/worksheets")
                cut.writestr(part, b"<worksheet><sheetData><row>" if is_sheet else whole.read(part))
        assert "The workbook is damaged" in refusal(file.getvalue())[2]

    def test_a_workbook_that_unpacks_to_a_giant_is_not_unpacked(self) -> None:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bomb:
            bomb.writestr("xl/workbook.xml", b" " * 40_000_000)
        assert len(file.getvalue()) < 100_000
        assert "larger than a journey can be" in refusal(file.getvalue())[2]

    def test_entities_are_not_expanded(self) -> None:
        told = b'<!DOCTYPE x [<!ENTITY a "boom"><!ENTITY b "&a;&a;&a;">]><worksheet>&b;</worksheet>'
        file = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(workbook(HEADER, A_ROW))) as whole, zipfile.ZipFile(file, "w") as bad:
            for part in whole.namelist():
                bad.writestr(part, told if part.startswith("xl/worksheets") else whole.read(part))
        assert "The workbook is damaged" in refusal(file.getvalue())[2]


class TestNewTextsWithoutASlug:
    def parse(self, *rows: Sequence[Any], header: Sequence[str] = ("kind", "title", "text")) -> Parsed:
        parsed = parse_file(workbook(header, *rows))
        assert parsed.problems == ()
        return parsed

    def test_each_gets_a_slug_from_its_title_in_the_order_of_the_file(self, journey: Journey) -> None:
        parsed = self.parse(
            ("question", "Our Garden", "What grew there?"), ("question", "Our garden!", "Who worked there?")
        )

        import_into_drafts(journey, parsed)

        assert [each.slug for each in journey.narratives.all()] == ["our-garden", "our-garden-2"]
        assert not compare(journey, parsed).added

    def test_a_new_text_stands_after_the_row_above_it(self, journey: Journey) -> None:
        rows = [("a", "question", 1, "A", "First?"), ("", "question", None, "New", "Between?"),
                ("b", "question", 2, "B", "Last?")]  # fmt: skip
        import_into_drafts(journey, self.parse(*rows, header=HEADER))
        assert [each.slug for each in journey.narratives.all()] == ["a", "new", "b"]

    def test_a_file_that_is_imported_twice_doubles_nothing(self, journey: Journey) -> None:
        parsed = self.parse(("question", "Our Garden", "What grew there?"))
        import_into_drafts(journey, parsed)

        (problem,) = compare(journey, parsed).problems

        assert "Write “our-garden” in the column slug" in problem.says
        assert Narrative.objects.filter(journey=journey).count() == 1

    def test_a_title_of_another_script_gets_a_slug(self, journey: Journey) -> None:
        import_into_drafts(journey, self.parse(("question", "रास्ता", "कहाँ?")))
        assert journey.narratives.get().slug == "text"
