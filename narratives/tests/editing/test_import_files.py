"""Journeys in files as Excel, Numbers, Google Sheets, LibreOffice and people write them."""
# ruff: noqa: RUF001 - typographic marks are what is tested

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.journey_files import A_ROW, a_file
from narratives.editing import import_export
from narratives.editing.import_export import parse_file
from narratives.models import Journey, Narrative

FILES = Path(__file__).parent / "import_files"
CAFE = "Tell me about Renée’s café — what was it like?"
HEADER = "slug,kind,position,title,text\n"

READ = {
    "apostrophe.csv": ["'-tis the season to remember."],
    "apostrophe.json": ["'-tis the season to remember."],
    "cr_line_ends.csv": ["First."],
    "crlf_lf.csv": ["Tell me about Renée and the café."],
    "embedded_cr_only.csv": ["First line.\n\nSecond line."],
    "embedded_newlines_crlf.csv": ["First line.\n\nSecond line."],
    "excel_bom_utf8.csv": [CAFE],
    "excel_cp1252.csv": [CAFE],
    "excel_semicolon_bom.csv": [CAFE],
    "excel_semicolon_cp1252.csv": [CAFE],
    "excel_tab_utf16.txt": [CAFE],
    "float_position.csv": [CAFE],
    "formula_hyphen.csv": ["'-tis the season", "'=1+1 is what?"],
    "header_capitals.csv": [CAFE],
    "json_bom_crlf.json": ["One.\nTwo."],
    "quote_inside.csv": ['He said "hello" to me.'],
    "sep_line.csv": [CAFE],
    "trailing_commas.csv": [CAFE],
    "trailing_commas_cols.csv": [CAFE],
    "trailing_spaces.csv": ["Tell me about Renée and the café."],
}
REFUSED = {
    "duplicate_header.csv": [(0, "file", "“text” appears twice")],
    "empty.csv": [(0, "file", "The file is empty")],
    "header_only.csv": [(0, "file", "no texts below")],
    "json_list_text.json": [
        (1, "text", "A list stands where words belong"),
        (2, "text", "An object stands"),
        (3, "text", "“true” or “false” stands"),
        (4, "text", "A number stands"),
    ],
    "json_nan.json": [(0, "file", "“NaN” stands where")],
    "json_version2.json": [(0, "file", "another “version” than 1")],
    "mojibake.csv": [(1, "text", "CSV UTF-8")],
    "nul_byte.csv": [(1, "text", "cannot be stored")],
    "smart_quote_delims.csv": [(1, "row", "a comma inside a text has cut it")],
    "unclosed_quote.csv": [(1, "row", "line 2 of the file) is not closed")],
    "unquoted_comma.csv": [(1, "row", 'quotation marks (") around the whole text')],
    "xlsx_renamed.csv": [(0, "file", "an Excel or Numbers workbook")],
}
OF_TEXT_FORM = {"nfc.csv", "nfd.csv"}


def texts(content: bytes) -> list[str]:
    parsed = parse_file(content)
    assert parsed.problems == ()
    return [row.text for row in parsed.rows]


def refusals(content: bytes) -> list[tuple[int, str]]:
    return [(problem.row, problem.field) for problem in parse_file(content).problems]


def sheet(*lines: str) -> str:
    return HEADER + "".join(f"{line}\n" for line in lines)


class TestFilesFromTheField:
    def test_every_file_of_the_folder_has_an_expectation(self) -> None:
        assert {path.name for path in FILES.iterdir()} == {*READ, *REFUSED, *OF_TEXT_FORM}

    @pytest.mark.parametrize("name", READ)
    def test_a_file_of_a_spreadsheet_is_read_word_for_word(self, name: str) -> None:
        assert texts((FILES / name).read_bytes()) == READ[name]

    @pytest.mark.parametrize("name", REFUSED)
    def test_a_file_that_cannot_be_trusted_is_refused_with_row_and_reason(self, name: str) -> None:
        found = parse_file((FILES / name).read_bytes()).problems
        assert [(problem.row, problem.field) for problem in found] == [each[:2] for each in REFUSED[name]]
        for problem, (_, _, says) in zip(found, REFUSED[name], strict=True):
            assert says in problem.says

    @pytest.mark.django_db
    @pytest.mark.parametrize("name", REFUSED)
    def test_a_refused_file_shows_no_text_as_missing_and_changes_nothing(
        self, heard_journey: Journey, name: str
    ) -> None:
        before = import_export.as_json(heard_journey)
        parsed = parse_file((FILES / name).read_bytes())
        difference = import_export.compare(heard_journey, parsed)
        assert difference.problems
        assert (difference.not_in_file, difference.added, difference.changed) == ((), (), ())
        with pytest.raises(ValueError, match="not imported"):
            import_export.import_into_drafts(heard_journey, parsed)
        assert import_export.as_json(heard_journey) == before


@pytest.mark.any_database
class TestEncodings:
    ROW = "a,question,1,Café,“Señor René doesn’t know” – très bien."
    WORDS = "“Señor René doesn’t know” – très bien."

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-16-le", "utf-32"])
    def test_a_unicode_file_is_read_without_a_note(self, encoding: str) -> None:
        parsed = parse_file(sheet(self.ROW).encode(encoding))
        assert (parsed.rows[0].text, parsed.problems, parsed.notes) == (self.WORDS, (), ())

    @pytest.mark.parametrize(("encoding", "name"), [("cp1252", "Windows-1252"), ("mac_roman", "Mac Roman")])
    def test_an_older_encoding_is_read_and_named(self, encoding: str, name: str) -> None:
        parsed = parse_file(sheet(self.ROW).encode(encoding))
        assert (parsed.rows[0].text, parsed.problems) == (self.WORDS, ())
        assert name in parsed.notes[0]

    @pytest.mark.parametrize(
        ("words", "encoding"),
        [
            ("Where is Dušan?", "cp1252"),  # in Mac Roman this is Duöan, which is as possible
            ("Schön!", "mac_roman"),
            ("Привет, дом", "cp1251"),
            ("昔の話", "shift_jis"),
            ("Łódź, żółw", "cp1250"),
        ],
    )
    def test_an_encoding_that_is_uncertain_is_refused_with_its_line(self, words: str, encoding: str) -> None:
        (problem,) = parse_file(
            sheet("a,question,1,A,Why?", f'b,question,2,B,"{words}"').encode(encoding)
        ).problems
        assert (problem.row, problem.field) == (0, "file")
        assert "line 3 cannot be read for certain" in problem.says
        assert "CSV UTF-8" in problem.says

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
    def test_a_marked_file_that_is_cut_off_is_refused(self, encoding: str) -> None:
        assert refusals(sheet("a,question,1,A,é").encode(encoding)[:-2] + b"\xe9") == [(0, "file")]

    @pytest.mark.parametrize(
        "words",
        ["«CAFÉ»", "“CAFÉ”", "IRMÃ”", "SANTÉ\xa0: où ?", "À la Ção", "naïve Ångström", "Âge", "√2 ± 1"],
    )
    def test_words_in_capitals_do_not_pass_for_damaged_letters(self, words: str) -> None:
        assert texts(a_file([A_ROW | {"text": words}])) == [words.replace("\xa0", " ")]

    @pytest.mark.parametrize("encoding", ["cp1252", "mac_roman"])
    @pytest.mark.parametrize("words", ["Renée", "don’t", "“Hello"])
    def test_letters_that_a_program_damaged_are_refused(self, words: str, encoding: str) -> None:
        assert refusals(a_file([A_ROW | {"text": words.encode().decode(encoding)}])) == [(1, "text")]

    def test_a_lost_letter_is_refused(self) -> None:
        assert refusals(sheet("a,question,1,A,Ren\ufffde").encode()) == [(1, "text")]

    @pytest.mark.parametrize(
        ("beginning", "what"),
        [
            (b"PK\x03\x04", "ZIP"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1", "(.xls)"),
            (b"%PDF-1.7", "PDF"),
            (b"{\\rtf1", "rich text"),
            (b"<html>", "web page"),
            (b"\x1f\x8b\x08", "compressed"),
            (b"\x89PNG\r\n\x1a\n\x00", "not a text file"),
        ],
    )
    def test_another_kind_of_file_is_named_whatever_its_name_says(self, beginning: bytes, what: str) -> None:
        (problem,) = parse_file(beginning + bytes(range(256))).problems
        assert what in problem.says
        assert "CSV UTF-8" in problem.says


@pytest.mark.any_database
class TestSheets:
    @pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
    @pytest.mark.parametrize("told", ["", "sep={}\n", '"sep={}"\r\n', "SEP={},,,,\r"])
    def test_the_separator_is_recognised_with_and_without_its_line(self, separator: str, told: str) -> None:
        cells = ["a", "question", "1", "A", '"One; two, three"']
        content = HEADER.replace(",", separator) + separator.join(cells)
        assert texts((told.format(separator) + content).encode()) == ["One; two, three"]

    @pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
    def test_line_ends_of_every_system_are_read(self, line_end: str) -> None:
        content = sheet('a,question,1,A,"One.\n\nTwo."', "b,question,2,B,Three.").replace("\n", line_end)
        assert texts(content.encode()) == ["One.\n\nTwo.", "Three."]

    def test_column_names_may_have_capitals_and_spaces_and_any_order(self) -> None:
        assert texts(b"TEXT, Title ,POSITION,Kind,\xc2\xa0slug\nWhy?,A,1,Question,a\n") == ["Why?"]

    def test_a_missing_header_is_refused_with_the_names_it_needs(self) -> None:
        (problem,) = parse_file(b"a,question,1,A,Why?\n").problems
        assert "The first line must name the columns kind, title, text" in problem.says

    def test_empty_rows_and_columns_are_left_out_and_the_numbers_of_rows_stay(self) -> None:
        content = (
            f"{HEADER.strip()},,\n,,,,,,\n\na,question,1,A,Why?,,\n,,,,,,\nb,question,x,B,When?,,\n,,,,\n"
        )
        assert refusals(content.encode()) == [(5, "position")]
        parsed = parse_file(content.replace(",x,", ",2,").encode())
        assert [row.slug for row in parsed.rows] == ["a", "b"]
        assert parsed.notes == ("4 empty rows were left out.",)

    def test_a_file_of_commas_only_is_refused(self) -> None:
        assert refusals(sheet(",,,,", ",,,,").encode()) == [(0, "file")]
        assert refusals(b",,,,\n,,,,\n") == [(0, "file")]

    def test_columns_that_are_not_imported_are_named(self) -> None:
        parsed = parse_file(b"slug,kind,position,title,text,Comment\na,question,1,A,Why?,by Ann\n")
        assert (parsed.problems, parsed.notes) == ((), ("The column “Comment” is not imported.",))

    @pytest.mark.parametrize(
        "row",
        [
            "a,question,1,A,First, then tell me.",
            "a,question,1,A,First, then tell me.,",
            "a,question,1,A,One,two,",
        ],
    )
    def test_a_text_that_a_comma_cut_is_refused_beside_a_column_that_is_not_imported(self, row: str) -> None:
        content = f"slug,kind,position,title,text,comment\n{row}\nb,question,2,B,Why?,\n"
        assert refusals(content.encode()) == [(1, "row")]

    def test_a_row_with_too_few_cells_is_refused(self) -> None:
        assert refusals(sheet("a,question,1,A").encode()) == [(1, "row")]

    @pytest.mark.parametrize(
        "rows",
        [
            ('a,question,1,A,"First.', 'b,question,2,B,"Second."'),
            ('a,question,1,A,"First.', "b,question,2,B,Second."),
            ('a,question,1,A,"First.', 'b,question,2,B,Second."'),
            ('a,question,1,A,"He said "hello" to me."', "b,question,2,B,Second."),
        ],
    )
    def test_a_quotation_mark_that_swallows_a_row_is_refused_at_its_row(self, rows: tuple[str, ...]) -> None:
        found = refusals(sheet("z,question,0,Z,Why?", *rows).encode())
        assert [row for row, _ in found] == [2]

    @pytest.mark.parametrize("position", ["1.0", "1,0", " 1 ", "001"])
    def test_a_whole_number_may_be_written_as_programs_write_it(self, position: str) -> None:
        assert texts(sheet(f'a,question,"{position}",A,Why?').encode()) == ["Why?"]

    @pytest.mark.parametrize("position", ["-1", "1.5", "NaN", "1e3", "9" * 5_000, "٣"])
    def test_any_other_position_is_refused(self, position: str) -> None:
        assert refusals(sheet(f'a,question,"{position}",A,Why?').encode()) == [(1, "position")]

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (HEADER + "a,question,1,A,Why?\n" * 1_001, "more than 1,000 rows"),
            (HEADER + f"a,question,1,A,{'x' * 200_000}\n", "longer than 131,072 characters"),
            (HEADER + "x" * 1_000_000, "1 MB"),
            (
                HEADER.strip() + "".join(f",x{number}" for number in range(200)) + "\na,question,1,A,Why?\n",
                "more than 100 columns",
            ),
            (HEADER.strip() + ",x" * 400_000 + "\n", "appears twice"),
            (HEADER + "," * 900_000, "no texts below"),
            (HEADER + '"' * 900_000, "quotation mark"),
        ],
        ids=["rows", "cell", "bytes", "columns", "equal columns", "commas", "quotes"],
    )
    @pytest.mark.timeout(60)
    def test_a_file_that_is_too_long_is_refused_soon(self, content: str, says: str) -> None:
        assert says in parse_file(content.encode()).problems[0].says


@pytest.mark.any_database
class TestJson:
    @pytest.mark.parametrize("value", [["a"], {"en": "a"}, True, 1945, 1.5])
    @pytest.mark.parametrize("name", ["slug", "kind", "title", "text", "stage", "theme"])
    def test_a_value_that_is_not_words_is_refused_at_its_field(self, name: str, value: object) -> None:
        assert refusals(a_file([A_ROW, A_ROW | {"slug": "b", name: value}])) == [(2, name)]

    @pytest.mark.parametrize("name", ["word", "say_as", "voice", "note"])
    def test_a_lexicon_value_that_is_not_words_is_refused_at_its_field(self, name: str) -> None:
        entry = {"word": "Siobhan", "say_as": "Shivawn", name: ["x"]}
        assert refusals(a_file([A_ROW], lexicon=[entry])) == [(1, f"lexicon: {name}")]

    def test_a_word_that_appears_twice_in_the_lexicon_is_refused(self) -> None:
        entries = [{"word": word, "say_as": "Shivawn"} for word in ("Siobhan", "siobhan")]
        assert refusals(a_file([A_ROW], lexicon=entries)) == [(2, "lexicon: word")]

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            (('"text": "Why?"', '"text": "Why?", "text": "When?"'), "“text” appears twice in one entry"),
            (('"Why?"', "“Why?”"), "line 1, character"),
            (('"Why?"', "Infinity"), "“Infinity” stands where"),
            (('"version": 1', '"version": "1"'), "another “version”"),
            (('"version": 1', '"version": true'), "another “version”"),
            (('"version": 1', f'"version": {"9" * 5_000}'), "a number that is too long"),
        ],
    )
    def test_json_that_python_would_repair_is_refused(self, change: tuple[str, str], says: str) -> None:
        (problem,) = parse_file(a_file([A_ROW]).decode().replace(*change).encode()).problems
        assert says in problem.says

    @pytest.mark.timeout(60)
    def test_an_object_of_many_equal_fields_is_refused_soon(self) -> None:
        fields = ",".join(f'"{number}":1' for number in range(60_000))
        assert refusals(f'{{{fields},"59999":1}}'.encode()) == [(0, "file")]

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
    def test_json_in_the_encodings_of_spreadsheets_is_read(self, encoding: str) -> None:
        content = json.loads(a_file([A_ROW | {"text": "Café?"}]))
        assert texts(json.dumps(content, ensure_ascii=False).encode(encoding)) == ["Café?"]

    def test_fields_that_are_not_imported_are_named(self) -> None:
        assert parse_file(a_file([A_ROW | {"mood": "calm"}])).notes == ("The field “mood” is not imported.",)


ODD = st.one_of(
    st.sampled_from(list('\'=+-@\t\r\n "",;|“”’‘«»éÃ©â€\u200b\u2028\x0b\x85\ufeff\ufffd\u0301رम😊')),
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"),
)
WORDS = st.text(ODD, max_size=30).map(lambda words: f"{words}a")
TEXTS = st.one_of(
    WORDS, st.sampled_from(["'-tis", "''=1", "=1+1", '"', "a\n\nb,question,1,c"]).map("{0}a".format)
)


@pytest.mark.long_on_postgresql
@pytest.mark.django_db
@given(st.lists(TEXTS, min_size=1, max_size=4))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_export_is_imported_and_exported_again_byte_for_byte(
    heard_journey: Journey, written: list[str]
) -> None:
    heard_journey.narratives.filter(live=None).delete()
    for number, words in enumerate(written):
        Narrative(
            journey=heard_journey, slug=f"n{number}", title=words, text=words, position=3 + number
        ).save()
    for write in (import_export.as_csv, import_export.as_json):
        before = write(heard_journey).encode()
        parsed = parse_file(before)
        difference = import_export.compare(heard_journey, parsed)
        assert (difference.problems, difference.is_empty) == ((), True)
        import_export.import_into_drafts(heard_journey, parsed)
        assert write(heard_journey).encode() == before


@pytest.mark.django_db
def test_an_export_with_guarded_cells_is_identical_after_an_import_elsewhere(heard_journey: Journey) -> None:
    for slug, text in [("a", "=1+1"), ("b", "'=1+1"), ("c", "'-tis"), ("d", "-tis"), ("e", "'Tis so.")]:
        Narrative(journey=heard_journey, slug=slug, title=text, text=text, position=9).save()
    before = import_export.as_csv(heard_journey)
    assert not [line for line in before.splitlines() if ",=" in line or ",-" in line]
    elsewhere = Journey.objects.create(slug="elsewhere", title="Elsewhere")
    import_export.import_into_drafts(elsewhere, parse_file(before.encode()))
    import_export.import_into_drafts(elsewhere, parse_file(before.replace(",", ";").encode()))
    assert import_export.as_csv(elsewhere).splitlines()[0].endswith(import_export.GUARD_COLUMN)
    assert sorted(elsewhere.narratives.values_list("text")) == sorted(
        heard_journey.narratives.values_list("text")
    )


@pytest.mark.django_db
def test_rows_with_problems_keep_the_number_they_have_in_a_sorted_sheet(
    heard_journey: Journey,
) -> None:
    content = sheet("b,question,2,B,Why\ufffd?", "a,question,1,A,Why?", "outro,outro,0,O,Bye.").encode()
    assert refusals(content) == [(1, "text")]
    kinds = sheet("new,question,2,B,Why?", "question,answer,1,A,Why?").encode()
    told = import_export.compare(heard_journey, parse_file(kinds))
    assert [(problem.row, problem.field) for problem in told.problems] == [(2, "kind")]


@pytest.mark.django_db
def test_a_doubt_does_not_count_for_words_that_the_draft_already_has(heard_journey: Journey) -> None:
    heard_journey.narratives.filter(slug="question").update(text="Why is “Ã©” wrong?")
    parsed = parse_file(import_export.as_csv(heard_journey).encode())
    assert [problem.is_doubt for problem in parsed.problems] == [True]
    assert import_export.compare(heard_journey, parsed).problems == ()
    heard_journey.narratives.filter(slug="question").update(text="Why?")
    assert len(import_export.compare(heard_journey, parsed).problems) == 1


@pytest.mark.any_database
@given(st.sampled_from(sorted(FILES.iterdir())), st.integers(0, 400), st.binary(max_size=3))
@settings(max_examples=200, deadline=None)
def test_a_damaged_file_is_read_or_refused_and_never_an_error(path: Path, at: int, put: bytes) -> None:
    content = path.read_bytes()
    parsed = parse_file(content[:at] + put + content[at + 1 :])
    assert parsed.rows or parsed.lexicon or parsed.problems
