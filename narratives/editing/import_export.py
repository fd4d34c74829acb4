"""Export a journey as JSON or CSV, and import one: parse, compare, then write to the drafts.

An import never makes clips, publishes or deletes. Order and kind reach listeners at once, so in a live
journey it keeps the order and the kinds of published texts.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from narratives import publishing
from narratives.editing.drafts import put_in_order, save_draft
from narratives.models import Journey, Narrative, Pronunciation
from narratives.text.tidying import tidied, tidied_line
from ttscache import csv_cells
from ttscache.fingerprint import fingerprint_of
from ttscache.plain_text import comparable, comparable_word

FORMAT = "life-review journey"
COLUMNS = ("slug", "kind", "position", "title", "text")
MOST_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """A text in the file. `stage` and `theme` are None if the file has no such field."""

    slug: str
    kind: str
    title: str
    text: str
    stage: str | None = None
    theme: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem in a row (the first is 1; 0 means the whole file) and field of a file."""

    row: int
    field: str
    says: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """The content of a file, in its order."""

    rows: tuple[Row, ...] = ()
    lexicon: tuple[Pronunciation, ...] = ()
    problems: tuple[Problem, ...] = ()


# --- exporting -----------------------------------------------------------------------------------------
def as_json(journey: Journey) -> str:
    """The texts with their order and kinds, and the lexicon."""
    texts = journey.narratives.values(*Row.__slots__)
    told = {
        "format": FORMAT,
        "version": 1,
        "journey": {name: getattr(journey, name) for name in ("slug", "title", "language")},
        "narratives": list(texts),
        "lexicon": list(Pronunciation.objects.values("word", "say_as", "voice", "note")),
    }
    return json.dumps(told, indent=1, ensure_ascii=False) + "\n"


def as_csv(journey: Journey) -> str:
    """The texts with their order and kinds, for a spreadsheet."""
    sheet = io.StringIO()
    csv_cells.write_rows(sheet, [COLUMNS, *journey.narratives.values_list(*COLUMNS)])
    return sheet.getvalue()


# --- parsing -------------------------------------------------------------------------------------------
def parse_file(content: bytes) -> Parsed:
    """Parse JSON or CSV. Reports problems instead of raising."""
    try:
        text = content.decode("utf-8-sig")  # Excel puts a byte order mark in front
        if text.lstrip().startswith(("{", "[")):
            return _checked(*_from_json(text))
        return _checked(_from_csv(text), [])
    except (ValueError, RecursionError, csv.Error) as error:  # not UTF-8, not JSON, nested too deeply
        says = (
            str(error)
            if isinstance(error, _Unreadable)
            else "This file cannot be read. Upload JSON or CSV, saved as UTF-8."
        )
        return Parsed(problems=(Problem(0, "file", says),))


class _Unreadable(ValueError):
    """The file has an unknown format. The message is shown to staff."""


def _from_json(text: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    told = json.loads(text)
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise _Unreadable(f"This is not an exported journey: its “format” is not “{FORMAT}”.")
    narratives, lexicon = told.get("narratives", []), told.get("lexicon", [])
    if not all(isinstance(part, list) for part in (narratives, lexicon)) or not all(
        isinstance(row, dict) for row in [*narratives, *lexicon]
    ):
        raise _Unreadable("“narratives” and “lexicon” must be lists of objects.")
    return narratives, lexicon


def _from_csv(text: str) -> list[dict[str, Any]]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or [])]
    if missing:
        raise _Unreadable(f"The first line must name the columns. Missing: {', '.join(missing)}.")
    rows: list[dict[str, Any]] = [
        {name: csv_cells.unguarded(row[name] or "") for name in COLUMNS} for row in reader
    ]
    # A spreadsheet may have been sorted by another column.
    if all(str(row["position"]).isdecimal() for row in rows):
        rows.sort(key=lambda row: int(row["position"]))
    return rows


def _checked(narratives: Sequence[dict[str, Any]], lexicon: Sequence[dict[str, Any]]) -> Parsed:
    rows = [_row(told) for told in narratives]
    entries = [
        Pronunciation(**{name: _said(told.get(name)) for name in ("word", "say_as", "voice", "note")})
        for told in lexicon
    ]
    problems = [*_problems(narratives, rows), *_problems_of(entries)]
    return Parsed(tuple(rows), tuple(entries), tuple(problems))


def _row(told: dict[str, Any]) -> Row:
    more = {name: _said(told[name]) for name in ("stage", "theme") if told.get(name) is not None}
    slug, kind, title, text = (_said(told.get(name)) for name in ("slug", "kind", "title", "text"))
    return Row(slug, kind.lower(), tidied_line(title), tidied(text), **more)


def _said(value: Any) -> str:
    """Remove NUL and lone surrogates, which PostgreSQL cannot store."""
    words = "" if value is None else str(value)
    return words.replace("\x00", "").encode("utf-8", "ignore").decode().strip()


def _problems(told: Sequence[dict[str, Any]], rows: Sequence[Row]) -> Iterator[Problem]:
    seen: set[str] = set()
    for number, (raw, row) in enumerate(zip(told, rows, strict=True), start=1):
        narrative = Narrative(**{name: value for name, value in asdict(row).items() if value is not None})
        try:
            narrative.clean_fields(exclude=["journey", "live", "pending", "position", "edited_at"])
            narrative.clean()
        except ValidationError as error:
            for name, messages in error.message_dict.items():
                yield Problem(number, name, " ".join(messages))
        if row.slug in seen:
            yield Problem(number, "slug", f"“{row.slug}” appears twice.")
        if "position" in raw and not str(raw["position"]).strip().isdecimal():
            yield Problem(number, "position", "The position must be a whole number, 0 or more.")
        seen.add(row.slug)


def _problems_of(entries: Iterable[Pronunciation]) -> Iterator[Problem]:
    for number, entry in enumerate(entries, start=1):
        try:
            entry.clean()
            entry.clean_fields()
        except ValidationError as error:
            for name, messages in error.message_dict.items():
                yield Problem(number, f"lexicon: {name}", " ".join(messages))


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
    narratives = {narrative.slug: narrative for narrative in journey.narratives.select_related("live")}
    rows = {row.slug: row for row in parsed.rows}
    both = [(narratives[slug], row) for slug, row in rows.items() if slug in narratives]
    fixed = [
        Problem(number, "kind", _kind_is_fixed(narratives[row.slug]))
        for number, row in enumerate(parsed.rows, start=1)
        if row.slug in narratives and narratives[row.slug].live and narratives[row.slug].kind != row.kind
    ]
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
        problems=(*parsed.problems, *fixed),
    )


def _kind_is_fixed(narrative: Narrative) -> str:
    kind = narrative.get_kind_display().lower()
    return f"Already published as {'an' if kind[0] in 'io' else 'a'} {kind}, so its kind cannot change."


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
    """Take the order of the file, with texts that are not in it at the end.

    In a live journey the published texts keep their order, because listeners would get a new one at once;
    other texts are placed after the text that they follow in the file.
    """
    narratives = {narrative.slug: narrative for narrative in journey.narratives.all()}
    order = [slug for slug in narratives if narratives[slug].live_id] if journey.is_live else []
    for place, slug in enumerate(slugs):
        if slug in order:
            continue
        before = [earlier for earlier in slugs[:place] if earlier in order]
        order.insert(order.index(before[-1]) + 1 if before else 0, slug)
    order += [slug for slug in narratives if slug not in order]
    put_in_order(narratives[slug] for slug in order)
