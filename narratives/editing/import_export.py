"""Export a journey as JSON or CSV; import it from these or from an Excel workbook.

An import parses the file, compares it with the drafts, and writes to them.

An import never makes clips, publishes or deletes. All of it, order and kinds included, is part of the draft.
"""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import asdict, dataclass, field, replace
from itertools import chain, count
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.text import slugify

from narratives import publishing
from narratives.editing.drafts import put_in_order, save_draft
from narratives.editing.file_encoding import HOW_TO_SAVE, UnreadableFile, decoded, misread_letters
from narratives.editing.sheets import Sheet, SheetRow, read_sheet
from narratives.editing.workbooks import is_workbook, read_workbook
from narratives.models import Journey, Narrative, Pronunciation
from narratives.text.tidying import tidied, tidied_line
from ttscache import csv_cells
from ttscache.fingerprint import fingerprint_of
from ttscache.text.plain_text import comparable, comparable_word

FORMAT = "life-review journey"
VERSION = 1
COLUMNS = ("slug", "kind", "position", "title", "text")
GUARD_COLUMN = "apostrophe added to"
NEEDED_COLUMNS = ("kind", "title", "text")
OPTIONAL_COLUMNS = (
    "slug",
    "position",
    GUARD_COLUMN,
)  # a new text needs no slug, and stands where its row does
LEXICON_FIELDS = ("word", "say_as", "voice", "note")
MOST_BYTES = 1_000_000
MOST_ROWS = 1_000
MOST_ENTRIES = 5_000  # of the lexicon
TOO_LARGE = "The file is larger than a journey can be (1 MB)."

_JSON_TYPES: dict[type, str] = {list: "A list", dict: "An object", bool: "“true” or “false”"}


@dataclass(frozen=True, slots=True)
class Row:
    """A text in the file; a new one may have no slug. `stage` and `theme` are None if the file has no such
    field."""

    slug: str
    kind: str
    title: str
    text: str
    stage: str | None = None
    theme: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem in a row (the first is 1; 0 means the whole file) and field of a file.

    A doubt does not count if the draft already has these very words.
    """

    row: int
    field: str
    says: str
    is_doubt: bool = False


@dataclass(frozen=True, slots=True)
class Parsed:
    """The content of a file, in its order.

    `notes` say what was guessed or left out. `numbers` are the numbers of the rows in the file.
    """

    rows: tuple[Row, ...] = ()
    lexicon: tuple[Pronunciation, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()


# --- exporting -----------------------------------------------------------------------------------------
def as_json(journey: Journey) -> str:
    """The texts with their order and kinds, and the lexicon."""
    texts = journey.narratives.values(*Row.__slots__)
    told = {
        "format": FORMAT,
        "version": VERSION,
        "journey": {name: getattr(journey, name) for name in ("slug", "title", "language")},
        "narratives": list(texts),
        "lexicon": list(Pronunciation.objects.values("word", "say_as", "voice", "note")),
    }
    return json.dumps(told, indent=1, ensure_ascii=False) + "\n"


def as_csv(journey: Journey) -> str:
    """The texts with their order and kinds, for a spreadsheet.

    A text that looks like a formula gets an apostrophe. One more column then says where, because a person may
    have written an apostrophe there, too.
    """
    rows: list[list[Any]] = [list(row) for row in journey.narratives.values_list(*COLUMNS)]
    guarded = [
        " ".join(name for name, cell in zip(COLUMNS, row, strict=True) if csv_cells.guarded(cell) != cell)
        for row in rows
    ]
    names = list(COLUMNS)
    if any(guarded):
        names.append(GUARD_COLUMN)
        rows = [[*row, told] for row, told in zip(rows, guarded, strict=True)]
    sheet = io.StringIO()
    csv_cells.write_rows(sheet, [names, *rows])
    return sheet.getvalue()


# --- parsing -------------------------------------------------------------------------------------------
def parse_file(content: bytes) -> Parsed:
    """Parse JSON, CSV or an Excel workbook. Reports problems instead of raising."""
    try:
        if len(content) > MOST_BYTES:
            raise UnreadableFile(TOO_LARGE)
        if is_workbook(content):
            return _from_sheet(read_workbook(content, NEEDED_COLUMNS, OPTIONAL_COLUMNS, MOST_ROWS), [])
        text, note = decoded(content)
        notes = [note] if note else []
        if text.lstrip().startswith(("{", "[")):
            return _from_json(text, notes)
        return _from_csv(text, notes)
    except UnreadableFile as error:
        return Parsed(problems=(Problem(0, "file", str(error)),))


@dataclass(frozen=True, slots=True)
class _Told:
    """A row as the file has it, with its number there. A row with `says` cannot be understood."""

    number: int
    fields: dict[str, Any]
    says: str = ""


def _from_json(text: str, notes: list[str]) -> Parsed:
    told = _loaded(text)
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise UnreadableFile(f"This is not an exported journey: its “format” is not “{FORMAT}”.")
    if told.get("version", VERSION) != VERSION or isinstance(told.get("version"), bool):
        raise UnreadableFile(
            f"The file has another “version” than {VERSION}, so this site cannot read it."
            " Export the journey again, from a site of the same version."
        )
    narratives, lexicon = told.get("narratives", []), told.get("lexicon", [])
    if not all(isinstance(part, list) for part in (narratives, lexicon)) or not all(
        isinstance(row, dict) for row in [*narratives, *lexicon]
    ):
        raise UnreadableFile("“narratives” and “lexicon” must be lists of objects.")
    if not narratives and not lexicon:
        raise UnreadableFile("The file has neither texts nor a lexicon.")
    if len(narratives) > MOST_ROWS or len(lexicon) > MOST_ENTRIES:
        raise UnreadableFile(
            f"The file has more than {MOST_ROWS:,} texts or {MOST_ENTRIES:,} lexicon entries."
            " Split it into several files."
        )
    known = {*Row.__slots__, "position"}
    unknown = sorted({name for row in narratives for name in row if name not in known})
    notes += [f"The field “{name[:50]}” is not imported." for name in unknown[:20]]
    return _checked([_Told(number, row) for number, row in enumerate(narratives, start=1)], lexicon, notes)


def _loaded(text: str) -> Any:
    """Parse JSON strictly: the json module takes NaN, and of two equal names the last, without a word."""
    try:
        return json.loads(text, parse_constant=_no_constant, object_pairs_hook=_without_repetition)
    except json.JSONDecodeError as error:
        raise UnreadableFile(
            f"This is not valid JSON: see line {error.lineno}, character {error.colno}. Names and words need"
            ' straight quotation marks ("), entries need commas between them. An export shows how it looks.'
        ) from error
    except RecursionError as error:
        raise UnreadableFile("This is not an exported journey: its parts are nested too deeply.") from error
    except UnreadableFile:
        raise
    except ValueError as error:  # a number of thousands of digits
        raise UnreadableFile("This is not an exported journey: it has a number that is too long.") from error


def _no_constant(name: str) -> Any:
    raise UnreadableFile(f"This is not valid JSON: “{name}” stands where a number or a text belongs.")


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen = Counter(name for name, _ in pairs)
        twice = seen.most_common(1)[0][0]
        raise UnreadableFile(f"The field “{twice[:50]}” appears twice in one entry. Remove one of the two.")
    return found


def _from_csv(text: str, notes: list[str]) -> Parsed:
    sheet = read_sheet(text, NEEDED_COLUMNS, OPTIONAL_COLUMNS, MOST_ROWS)
    # A row of another text inside a cell: a missing quotation mark has joined the two.
    kinds, mark = "|".join(Narrative.Kind.values), re.escape(sheet.separator)
    joined = re.compile(rf'^[^\n{mark}]*{mark}\s*"?(?:{kinds})"?\s*{mark}', re.IGNORECASE | re.MULTILINE)
    return _from_sheet(sheet, notes, joined)


def _from_sheet(sheet: Sheet, notes: list[str], joined: re.Pattern[str] | None = None) -> Parsed:
    told = [_told(row) for row in sheet.rows]
    written = [
        str(row.number)
        for row in told
        if any(csv_cells.unguarded(cell) != cell for cell in row.fields.values())
    ]
    if written:
        named = ", ".join(written[:20]) + (" and more" if len(written) > 20 else "")
        notes = [*notes, f"An apostrophe at the start of a cell is part of the text: row {named}."]
    return _checked(told, [], [*notes, *sheet.notes], joined, is_sheet=True)


def _told(row: SheetRow) -> _Told:
    """Take off the apostrophes that the export added: those that its last column names."""
    fields: dict[str, Any] = dict(row.cells)
    names = fields.pop(GUARD_COLUMN, "").split()
    if not row.says and not {*names} <= {*COLUMNS}:
        says = (
            f"“{GUARD_COLUMN}” must be empty or name columns. Perhaps a separator has cut a text of this row."
        )
        return _Told(row.number, fields, says)
    for name in names:
        if name in fields:
            fields[name] = csv_cells.unguarded(fields[name])
    return _Told(row.number, fields, row.says)


def _checked(
    narratives: Sequence[_Told],
    lexicon: Sequence[dict[str, Any]],
    notes: Sequence[str],
    joined: re.Pattern[str] | None = None,
    *,
    is_sheet: bool = False,
) -> Parsed:
    problems = [Problem(told.number, "row", told.says) for told in narratives if told.says]
    understood = [told for told in narratives if not told.says]
    for told in understood:
        problems += _value_problems(told.number, told.fields, Row.__slots__)
    for number, fields in enumerate(lexicon, start=1):
        problems += _value_problems(number, fields, LEXICON_FIELDS, "lexicon: ")
    rows = [_row(told.fields) for told in understood]
    entries = [
        Pronunciation(**{name: _said(fields.get(name)) for name in LEXICON_FIELDS}) for fields in lexicon
    ]
    known = {(problem.row, problem.field) for problem in problems}
    found = [*_problems(understood, rows, joined), *_problems_of(entries)]
    problems += [problem for problem in found if (problem.row, problem.field) not in known]
    order: Sequence[int] = range(len(rows))
    if is_sheet:  # it may have been sorted by another column; JSON has its own order
        order = sorted(order, key=_places_of(understood).__getitem__)
    return Parsed(
        tuple(rows[at] for at in order),
        tuple(entries),
        tuple(sorted(problems, key=lambda problem: ("lexicon" in problem.field, problem.row))),
        tuple(notes),
        tuple(understood[at].number for at in order),
    )


def _value_problems(
    number: int, fields: dict[str, Any], names: Sequence[str], prefix: str = ""
) -> Iterator[Problem]:
    """Values that are not words, or that no database can store. None stands for an empty field."""
    for name in names:
        value = fields.get(name)
        if value is None:
            continue
        if not isinstance(value, str):
            what = _JSON_TYPES.get(type(value), "A number")
            says = f"{what} stands where words belong. Write the words in quotation marks."
            yield Problem(number, f"{prefix}{name}", says)
        elif "\x00" in value or re.search("[\ud800-\udfff]", value):
            says = "It has a character that cannot be stored (NUL or half of a pair). Type these words again."
            yield Problem(number, f"{prefix}{name}", says)


def _row(told: dict[str, Any]) -> Row:
    more = {name: _said(told[name]) for name in ("stage", "theme") if told.get(name) is not None}
    slug, kind, title, text = (_said(told.get(name)) for name in ("slug", "kind", "title", "text"))
    return Row(slug, kind.lower(), tidied_line(title), tidied(text), **more)


def _said(value: Any) -> str:
    """The words with line breaks as `tidied` knows them; empty if `_value_problems` refuses the value."""
    is_fit = isinstance(value, str) and not re.search("[\x00\ud800-\udfff]", value)
    # A lone CR is a line break of earlier Macs; the others come from word processors.
    return re.sub("\r\n|[\r\v\f\x85\u2028\u2029]", "\n", value).strip() if is_fit else ""


def _place_of(value: Any) -> int | None:
    """The position as a number: Numbers and other programs write 1 as 1.0. None if it is no position."""
    if isinstance(value, bool):
        return None
    found = re.fullmatch(r"\s*([0-9]{1,9})(?:[.,]0{1,9})?\s*", str(value))
    return int(found[1]) if found else None


def _places_of(told: Sequence[_Told]) -> list[int]:
    """The position of each row; one without a position stands after the row above it."""
    places: list[int] = []
    for each in told:
        place = _place_of(each.fields.get("position", ""))
        places.append(place if place is not None else places[-1] if places else 0)
    return places


def _problems(
    told: Sequence[_Told], rows: Sequence[Row], joined: re.Pattern[str] | None
) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for raw, row in zip(told, rows, strict=True):
        number = raw.number
        narrative = Narrative(**{name: value for name, value in asdict(row).items() if value is not None})
        try:
            unset = [] if row.slug else ["slug"]
            narrative.clean_fields(exclude=["journey", "live", "pending", "position", "edited_at", *unset])
            narrative.clean()
        except ValidationError as error:
            for name, messages in error.message_dict.items():
                yield Problem(number, name, " ".join(messages))
        if row.slug and row.slug in seen:
            says = f"“{row.slug}” appears twice, also in row {seen[row.slug]}. Give each text its own slug."
            yield Problem(number, "slug", says)
        place = raw.fields.get("position")
        if place not in (None, "") and _place_of(place) is None:
            yield Problem(number, "position", "The position must be a whole number, 0 or more.")
        for name in ("title", "text"):
            if says := _damage_in(getattr(row, name)):
                yield Problem(number, name, says, is_doubt=True)
        if joined and joined.search(row.text):
            says = (
                "A row of another text stands inside this text. Look for a quotation mark that is missing at"
                " the end of this text or too much in the next row."
            )
            yield Problem(number, "text", says, is_doubt=True)
        seen.setdefault(row.slug, number)


def _damage_in(words: str) -> str:
    if found := misread_letters(words):
        return (
            f"Letters are damaged (“{found}”): a program read the file in the wrong encoding and saved it."
            f" Go back to the file before that. {HOW_TO_SAVE}"
        )
    if "\ufffd" in words:
        return (
            f"A letter is lost: “\ufffd” stands in its place. Go back to the file before that. {HOW_TO_SAVE}"
        )
    return ""


def _problems_of(entries: Iterable[Pronunciation]) -> Iterator[Problem]:
    seen: set[tuple[str, str]] = set()
    for number, entry in enumerate(entries, start=1):
        try:
            entry.clean()
            entry.clean_fields()
        except ValidationError as error:
            for name, messages in error.message_dict.items():
                yield Problem(number, f"lexicon: {name}", " ".join(messages))
        if (entry.word.lower(), entry.voice) in seen:
            yield Problem(number, "lexicon: word", f"“{entry.word}” appears twice for this voice.")
        seen.add((entry.word.lower(), entry.voice))


# --- comparing -----------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Changed:
    """A text of the journey, and the row of the file that differs from it."""

    narrative: Narrative
    row: Row


@dataclass(frozen=True, slots=True)
class Difference:
    """The effect that an import would have."""

    added: tuple[Row, ...] = ()
    changed: tuple[Changed, ...] = ()
    unchanged: tuple[Narrative, ...] = ()
    not_in_file: tuple[Narrative, ...] = ()
    is_order_changed: bool = False
    words_said_otherwise: tuple[Pronunciation, ...] = field(default=())
    problems: tuple[Problem, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not (self.added or self.changed or self.is_order_changed or self.words_said_otherwise)

    @property
    def fingerprint(self) -> str:
        """Equal for equal differences, so a yes counts only for the difference that was shown."""
        before = [(each.narrative.title, each.narrative.text) for each in self.changed]
        told = (self.added, before, [each.row for each in self.changed], self.is_order_changed)
        entries = [(each.word, each.say_as, each.voice) for each in self.words_said_otherwise]
        return fingerprint_of((told, entries))


def compare(journey: Journey, parsed: Parsed) -> Difference:
    """The effect of an import. A file with problems has none, whatever else it holds."""
    narratives = {narrative.slug: narrative for narrative in journey.narratives.all()}
    taken = _titles_taken(parsed, narratives.values())
    parsed = with_slugs(journey, parsed)
    rows = {row.slug: row for row in parsed.rows}
    both = [(narratives[slug], row) for slug, row in rows.items() if slug in narratives]
    numbered = list(zip(parsed.numbers, parsed.rows, strict=True))
    row_of = dict(numbered)
    problems = [problem for problem in parsed.problems if not _is_settled(problem, row_of, narratives)]
    problems += taken
    if problems:
        return Difference(problems=tuple(problems))
    known = [slug for slug in narratives if slug in rows]
    entries = {
        (comparable_word(each.word), each.voice): comparable(each.say_as)
        for each in Pronunciation.objects.all()
    }
    return Difference(
        added=tuple(row for row in parsed.rows if row.slug not in narratives),
        changed=tuple(Changed(narrative, row) for narrative, row in both if _differs(narrative, row)),
        unchanged=tuple(narrative for narrative, row in both if not _differs(narrative, row)),
        not_in_file=tuple(narrative for slug, narrative in narratives.items() if slug not in rows),
        is_order_changed=known != [slug for slug in rows if slug in narratives],
        words_said_otherwise=tuple(
            each
            for each in parsed.lexicon
            if entries.get((comparable_word(each.word), each.voice)) != comparable(each.say_as)
        ),
    )


def with_slugs(journey: Journey, parsed: Parsed) -> Parsed:
    """Give each row without a slug one of its own, made from its title."""
    taken = {*Narrative.objects.filter(journey=journey).values_list("slug", flat=True)}
    taken |= {row.slug for row in parsed.rows}
    rows = []
    for row in parsed.rows:
        slug = row.slug or _free_slug(row.title, taken)
        taken.add(slug)
        rows.append(replace(row, slug=slug))
    return replace(parsed, rows=tuple(rows))


def _free_slug(title: str, taken: Set[str]) -> str:
    stem = slugify(title)[:40].strip("-") or "text"
    return next(slug for slug in chain([stem], (f"{stem}-{n}" for n in count(2))) if slug not in taken)


def _titles_taken(parsed: Parsed, narratives: Iterable[Narrative]) -> list[Problem]:
    """A row without a slug whose title is there already: importing the file twice would double the text."""
    slugs = {comparable(narrative.title): narrative.slug for narrative in narratives}
    return [
        Problem(
            number,
            "slug",
            f"A text with this title is there already. Write “{slugs[comparable(row.title)]}” in the column"
            " slug to change it, or choose another title.",
        )
        for number, row in zip(parsed.numbers, parsed.rows, strict=True)
        if not row.slug and comparable(row.title) in slugs
    ]


def _is_settled(problem: Problem, rows: dict[int, Row], narratives: dict[str, Narrative]) -> bool:
    row = rows.get(problem.row)
    if not problem.is_doubt or row is None or row.slug not in narratives:
        return False
    return bool(getattr(narratives[row.slug], problem.field) == getattr(row, problem.field))


def _differs(narrative: Narrative, row: Row) -> bool:
    """Whether more differs than typographic marks in place of plain ones."""
    return any(
        value is not None and comparable(getattr(narrative, name)) != comparable(value)
        for name, value in asdict(row).items()
    )


# --- importing -----------------------------------------------------------------------------------------
@transaction.atomic
def import_into_drafts(journey: Journey, parsed: Parsed) -> Difference:
    """Write the file to the drafts and return what changed. Raises ValueError for a file with problems."""
    publishing.lock_publishing()
    parsed = with_slugs(journey, parsed)
    difference = compare(journey, parsed)  # again under the lock: the drafts may have changed
    if difference.problems:
        raise ValueError("a file with problems is not imported")
    for changed in difference.changed:
        _write(changed.narrative, changed.row)
    for row in difference.added:
        _write(Narrative(journey=journey, slug=row.slug), row)
    for entry in difference.words_said_otherwise:
        # Like the unique constraint: one entry per voice and word, in whatever form it is written.
        known = Pronunciation.objects.filter(looked_up_as=comparable_word(entry.word), voice=entry.voice)
        if not known.update(say_as=entry.say_as, note=entry.note):
            entry.save()
    _put_in_order(journey, [row.slug for row in parsed.rows])
    publishing.sync_pins()
    return difference


def _write(narrative: Narrative, row: Row) -> None:
    for name, value in asdict(row).items():
        if value is not None:
            setattr(narrative, name, value)
    save_draft(narrative, ["title", "text"])


def _put_in_order(journey: Journey, slugs: Sequence[str]) -> None:
    """Take the order of the file. Texts that are not in it stay behind the text that they follow now."""
    narratives = {narrative.slug: narrative for narrative in journey.narratives.all()}
    order = list(slugs)
    place = 0
    for slug in narratives:
        if slug not in slugs:
            order.insert(place, slug)
        place = order.index(slug) + 1
    put_in_order(narratives[slug] for slug in order)
