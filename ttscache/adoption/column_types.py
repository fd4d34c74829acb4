"""The types of the found columns: which stay, which are widened, and what is taken off meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from django.db.backends.utils import CursorWrapper

from ttscache.adoption import CLIPS, FILES, catalogue
from ttscache.adoption.catalogue import ColumnType, Dependant, quoted
from ttscache.adoption.plan_types import CannotAdopt, Step

CONTENT_TYPES = ("narrative", "question", "analysis", "response")

# The new type of a text that does not fit, and how many characters it must take; None: any number.
_TEXTS: dict[tuple[str, str], tuple[str, int | None]] = {
    (CLIPS, "content_hash"): ("varchar(64)", 32),
    (CLIPS, "content_text"): ("text", None),
    (CLIPS, "voice"): ("varchar(50)", 50),
    (CLIPS, "audio_file_path"): ("text", None),
    (CLIPS, "content_type"): ("varchar(50)", 50),
}
_TEXT_TYPES = {"text", "varchar", "bpchar", "name", "citext"}
_NUMBERS = {(CLIPS, "audio_file_size"), (FILES, "file_size")}
_TIMES = {(CLIPS, "created_at"), (CLIPS, "last_accessed_at"), (FILES, "created_at")}
_PLAIN = {
    (CLIPS, "id"): "uuid",
    (CLIPS, "is_active"): "bool",
    (FILES, "id"): "uuid",
    (FILES, "cache_id"): "uuid",
    (FILES, "file_data"): "bytea",
}
_IN_WORDS = {"bool": "boolean"}


class TypeChange(NamedTuple):
    """A column that gets another type. `is_related`: conditions on it hold for the new type as well."""

    table: str
    column: str
    new_type: str
    says: str
    is_related: bool = False


def type_steps(cursor: CursorWrapper, found: Sequence[str]) -> Iterator[Step]:
    """Change the types that do not fit; take off what hinders it and put it back. Raises CannotAdopt."""
    types = {table: catalogue.column_types(cursor, table) for table in found}
    for table in found:
        yield from _filled_by_us(table, types[table])
    changes = [change for table in found for change in _changes(table, types[table])]
    in_the_way = _in_the_way(cursor, changes)
    for each in in_the_way:
        yield Step.of(each.table, f"{each.kind} {each.name} is taken off meanwhile", each.take_off)
    for change in changes:
        yield _change_step(change, types[change.table][change.column])
    for each in in_the_way:
        yield Step.of(each.table, f"{each.kind} {each.name} is put back", *each.put_back)
    if CLIPS in found:
        yield from _wider_checks(cursor, types[CLIPS])


def _filled_by_us(table: str, types: dict[str, ColumnType]) -> Iterator[Step]:
    """This site writes these columns itself, which PostgreSQL forbids for computed ones."""
    for column in (column for owner, column in [*_TEXTS, *_NUMBERS, *_TIMES, *_PLAIN] if owner == table):
        facts = types.get(column)
        if facts is None:
            continue
        where = f"ALTER TABLE {table} ALTER COLUMN {quoted(column)}"
        if facts.generated:
            says = f"{column} is no longer computed, its values stay"
            yield Step.of(table, says, f"{where} DROP EXPRESSION")
        if facts.identity:
            yield Step.of(table, f"{column} is no longer numbered, its values stay", f"{where} DROP IDENTITY")


def _changes(table: str, types: dict[str, ColumnType]) -> Iterator[TypeChange]:
    for column, facts in types.items():
        key = (table, column)
        if key in _TEXTS:
            yield from _text_change(table, column, facts)
        elif key in _NUMBERS:
            if facts.base in {"int2", "numeric", "float4", "float8"} or facts.kind == "d":
                _require(
                    table, column, facts, {"int2", "int4", "int8", "numeric", "float4", "float8"}, "integer"
                )
                yield TypeChange(table, column, "bigint", f"{column} becomes bigint")
            else:
                _require(table, column, facts, {"int4", "int8"}, "integer")
        elif key in _PLAIN:
            wanted = _PLAIN[key]
            _require(table, column, facts, {wanted}, _IN_WORDS.get(wanted, wanted))
            if facts.kind != "b":
                yield TypeChange(table, column, wanted, f"{column} becomes {_IN_WORDS.get(wanted, wanted)}")
        elif facts.base == "timestamp" or (key in _TIMES and (facts.base == "date" or facts.kind == "d")):
            says = f"{column} becomes timestamptz, its values read as UTC"
            yield TypeChange(table, column, "timestamptz", says, is_related=facts.kind == "b")
        elif key in _TIMES:
            _require(table, column, facts, {"timestamptz"}, "timestamptz")


def _text_change(table: str, column: str, facts: ColumnType) -> Iterator[TypeChange]:
    new_type, characters = _TEXTS[table, column]
    if facts.kind != "e":
        _require(table, column, facts, _TEXT_TYPES, new_type)
    is_wide = facts.limit is None or (characters is not None and facts.limit >= characters)
    if facts.kind == "b" and (facts.base == "text" or (facts.base == "varchar" and is_wide)):
        return
    is_related = facts.kind == "b" and facts.base == "varchar"
    yield TypeChange(table, column, new_type, f"{column} becomes {new_type}", is_related)


def _require(table: str, column: str, facts: ColumnType, allowed: set[str], wanted: str) -> None:
    if facts.base in allowed:
        return
    how = _reading(quoted(column), facts.base, wanted)
    raise CannotAdopt(
        f"Column {table}.{column} is {facts.shown} instead of {wanted}: run ALTER TABLE {table} ALTER COLUMN "
        f"{quoted(column)} TYPE {wanted} USING {how} or what fits its values, then migrate."
    )


def _reading(column: str, found: str, wanted: str) -> str:
    """The SQL that reads a column of one type as another, also where a cast would change the value."""
    if found == "oid" and wanted == "bytea":
        return f"lo_get({column})"
    if wanted == "bytea":
        return f"convert_to({column}::text, 'UTF8')"
    if found == "bytea":
        return f"encode({column}, 'hex')"
    if found in {"json", "jsonb"}:
        return f"({column} #>> '{{}}')::{wanted}"
    if wanted == "timestamptz" and found in {"int4", "int8", "numeric", "float8"}:
        return f"to_timestamp({column})"
    return f"{column}::{wanted}"


def _in_the_way(cursor: CursorWrapper, changes: Sequence[TypeChange]) -> list[Dependant]:
    """Objects to take off and put back. Raises CannotAdopt if one cannot be put back unchanged."""
    found: dict[tuple[str, str, str], Dependant] = {}
    for change in changes:
        with_expressions = not change.is_related
        for each in catalogue.dependants(
            cursor, change.table, change.column, with_expressions=with_expressions
        ):
            if not each.take_off:
                raise CannotAdopt(
                    f"Column {change.table}.{change.column} has to become {change.new_type}, but the "
                    f"{each.kind} {each.name} uses it: drop the {each.kind}, migrate, and create it again."
                )
            found[each.kind, each.table, each.name] = each
    return list(found.values())


def _change_step(change: TypeChange, facts: ColumnType) -> Step:
    where = f"ALTER TABLE {change.table} ALTER COLUMN {quoted(change.column)}"
    if change.new_type == "timestamptz":
        # The old values are UTC. In a session whose zone is UTC, PostgreSQL does so without a rewrite.
        return Step.of(
            change.table,
            change.says,
            "SET LOCAL timezone = 'UTC'",
            f"{where} TYPE timestamptz USING {quoted(change.column)}::timestamptz"
            if facts.base != "timestamp" or facts.kind != "b"
            else f"{where} TYPE timestamptz",
        )
    way = "::text" if change.new_type.startswith(("text", "varchar")) else f"::{change.new_type}"
    changed = f"{where} TYPE {change.new_type} USING {quoted(change.column)}{way}"
    if facts.default is None:
        return Step.of(change.table, change.says, changed)
    default = f"{where} SET DEFAULT ({facts.default}){way}"
    return Step.of(change.table, change.says, f"{where} DROP DEFAULT", changed, default)


def _wider_checks(cursor: CursorWrapper, types: dict[str, ColumnType]) -> Iterator[Step]:
    """A check that knows only some of our content types also takes the others."""
    if "content_type" not in types:
        return
    for name, condition in catalogue.checks_on(cursor, CLIPS, "content_type").items():
        allowed = ", ".join(f"'{each}'" for each in CONTENT_TYPES)
        cursor.execute(
            f"SELECT bool_and(({condition}) IS NOT FALSE)"  # noqa: S608 - the condition of their own constraint
            f" FROM unnest(ARRAY[{allowed}]::varchar[]) AS {CLIPS}(content_type)"
        )
        if cursor.fetchone()[0]:
            continue
        yield Step.of(
            CLIPS,
            f"constraint {name} also allows {', '.join(CONTENT_TYPES)}",
            f"ALTER TABLE {CLIPS} DROP CONSTRAINT {quoted(name)}",
            f"ALTER TABLE {CLIPS} ADD CONSTRAINT {quoted(name)} CHECK (({condition})"
            f" OR content_type IN ({allowed}))",
        )
