"""Reads PostgreSQL's own catalogue: columns, keys, views, triggers and owners of a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, cast

from django.db.backends.utils import CursorWrapper


class Column(NamedTuple):
    data_type: str
    is_nullable: bool
    default: str | None
    is_generated: bool  # GENERATED ALWAYS, or an identity: PostgreSQL fills it


class ColumnType(NamedTuple):
    """The type of a column: its name for people, its kind in pg_type, and the plain type below a domain."""

    shown: str
    kind: str  # b: plain, d: domain, e: enum
    base: str  # of a domain the type that it narrows
    limit: int | None  # characters of a varchar
    generated: str  # "s" or "v" if PostgreSQL computes it
    identity: str
    default: str | None


class Dependant(NamedTuple):
    """An object that keeps PostgreSQL from changing the type of a column."""

    kind: str
    name: str
    table: str
    take_off: str = ""  # empty if it cannot be put back as it was
    put_back: tuple[str, ...] = ()


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def found_elsewhere(cursor: CursorWrapper, table: str) -> str | None:
    """The schema in which the table is visible, if that is not the one where this site makes its tables."""
    rows = _ask(
        cursor,
        "SELECT nspname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE c.oid = to_regclass(%s) AND nspname IS DISTINCT FROM current_schema()",
        table,
    )
    return rows[0][0] if rows else None


def is_schema_chosen(cursor: CursorWrapper) -> bool:
    """Whether the search path names a schema that is there, so that tables can be made."""
    return _ask(cursor, "SELECT current_schema()") != [(None,)]


_SHAPES = {
    "v": "a view", "m": "a materialised view", "f": "a foreign table", "p": "a partitioned table",
    "S": "a sequence", "c": "a type", "i": "an index", "I": "an index",
}  # fmt: skip


def unusual_shape(cursor: CursorWrapper, table: str) -> str | None:
    """How the relation of this name differs from an ordinary table of its own, or None."""
    rows = _ask(
        cursor,
        "SELECT relkind, relispartition, reloftype <> 0,"
        " EXISTS (SELECT 1 FROM pg_inherits WHERE inhrelid = c.oid),"
        " EXISTS (SELECT 1 FROM pg_inherits WHERE inhparent = c.oid)"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE nspname = current_schema() AND relname = %s AND relkind <> 't'",
        table,
    )
    if not rows:
        types = _ask(
            cursor,
            "SELECT 1 FROM pg_type JOIN pg_namespace n ON n.oid = typnamespace"
            " WHERE nspname = current_schema() AND typname = %s",
            table,
        )
        return "a type" if types else None
    kind, is_partition, is_typed, inherits, has_heirs = rows[0]
    if kind in _SHAPES:
        return _SHAPES[kind]
    facts = {
        "a partition of another table": is_partition,
        "a table of a composite type": is_typed,
        "a table that inherits from another": inherits,
        "a table from which another inherits": has_heirs,
    }
    return next((says for says, is_so in facts.items() if is_so), None)


def rules(cursor: CursorWrapper, table: str) -> list[str]:
    rows = _ask(cursor, "SELECT rulename FROM pg_rewrite WHERE ev_class = %s::regclass ORDER BY 1", table)
    return [name for (name,) in rows]


def column_types(cursor: CursorWrapper, table: str) -> dict[str, ColumnType]:
    rows = _ask(
        cursor,
        "SELECT attname, format_type(atttypid, atttypmod), t.typtype,"
        " coalesce(b.typname, t.typname), CASE WHEN coalesce(b.typname, t.typname) = 'varchar'"
        " THEN nullif(CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE atttypmod END, -1) - 4 END,"
        " attgenerated, attidentity,"
        " CASE WHEN attgenerated = '' THEN pg_get_expr(adbin, adrelid) END"
        " FROM pg_attribute a JOIN pg_type t ON t.oid = atttypid"
        " LEFT JOIN pg_type b ON b.oid = nullif(t.typbasetype, 0)"
        " LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        table,
    )
    return {name: ColumnType(*facts) for name, *facts in rows}


def dependants(cursor: CursorWrapper, table: str, column: str, *, with_expressions: bool) -> list[Dependant]:
    """Everything that hinders a change of the column's type.

    `with_expressions`: also checks and index conditions, which survive only a change between related types.
    """
    found = [Dependant("view", name, table) for name in views_on(cursor, table, column)]
    found += [Dependant("generated column", *row) for row in _depending(cursor, table, column, _GENERATED)]
    found += [Dependant("index", *row) for row in _depending(cursor, table, column, _EXPRESSION_INDEXES)]
    found += [Dependant("function", *row) for row in _depending(cursor, table, column, _FUNCTIONS)]
    if with_expressions:
        found += [Dependant("index", *row) for row in _depending(cursor, table, column, _PARTIAL_INDEXES)]
        found += [Dependant("constraint", *row) for row in _depending(cursor, table, column, _CHECKS)]
    found += [_policy(*row) for row in _depending(cursor, table, column, _POLICIES)]
    found += [_trigger(*row) for row in _depending(cursor, table, column, _TRIGGERS)]
    return found


def _depending_on_column(select: str, catalogue: str, oid: str) -> str:
    """Limit a query to the objects of one catalogue that depend on a column. Parameters: table, column."""
    return (
        f"{select} AND EXISTS (SELECT 1 FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid"  # noqa: S608
        " AND a.attnum = d.refobjsubid WHERE d.refclassid = 'pg_class'::regclass"
        f" AND d.refobjid = %s::regclass AND a.attname = %s AND d.classid = '{catalogue}'::regclass"
        f" AND d.objid = {oid}) ORDER BY 2, 1"
    )


_INDEXES = "SELECT i.indexrelid::regclass::text, i.indrelid::regclass::text FROM pg_index i WHERE "
_GENERATED = _depending_on_column(
    "SELECT g.attname, g.attrelid::regclass::text FROM pg_attrdef f JOIN pg_attribute g"
    " ON g.attrelid = f.adrelid AND g.attnum = f.adnum WHERE g.attgenerated <> ''",
    "pg_attrdef",
    "f.oid",
)
_EXPRESSION_INDEXES = _depending_on_column(_INDEXES + "i.indexprs IS NOT NULL", "pg_class", "i.indexrelid")
_PARTIAL_INDEXES = _depending_on_column(_INDEXES + "i.indpred IS NOT NULL", "pg_class", "i.indexrelid")
_CHECKS = _depending_on_column(
    "SELECT c.conname, c.conrelid::regclass::text FROM pg_constraint c WHERE c.contype IN ('c', 'f', 'x')",
    "pg_constraint",
    "c.oid",
)
_FUNCTIONS = _depending_on_column(
    "SELECT p.oid::regprocedure::text, '' FROM pg_proc p WHERE true", "pg_proc", "p.oid"
)
_POLICIES = _depending_on_column(
    "SELECT p.polname, p.polrelid::regclass::text, p.polpermissive, p.polcmd,"
    " ARRAY(SELECT CASE WHEN r = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(r)) END"
    " FROM unnest(p.polroles) r), pg_get_expr(p.polqual, p.polrelid),"
    " pg_get_expr(p.polwithcheck, p.polrelid), quote_literal(obj_description(p.oid, 'pg_policy'))"
    " FROM pg_policy p WHERE true",
    "pg_policy",
    "p.oid",
)
_TRIGGERS = _depending_on_column(
    "SELECT t.tgname, t.tgrelid::regclass::text, pg_get_triggerdef(t.oid), t.tgenabled,"
    " quote_literal(obj_description(t.oid, 'pg_trigger')) FROM pg_trigger t WHERE NOT t.tgisinternal",
    "pg_trigger",
    "t.oid",
)
_COMMANDS = {"r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE", "*": "ALL"}
_STATES = {"O": "", "D": "DISABLE", "A": "ENABLE ALWAYS", "R": "ENABLE REPLICA"}


def _depending(cursor: CursorWrapper, table: str, column: str, sql: str) -> list[tuple[Any, ...]]:
    return _ask(cursor, sql, table, column)


def _policy(name: str, table: str, *facts: Any) -> Dependant:
    is_permissive, command, roles, using, check, comment = facts
    kind = "PERMISSIVE" if is_permissive else "RESTRICTIVE"
    definition = f"CREATE POLICY {quoted(name)} ON {table} AS {kind}"
    definition += f" FOR {_COMMANDS[command]} TO {', '.join(roles)}"
    definition += f" USING ({using})" if using else ""
    definition += f" WITH CHECK ({check})" if check else ""
    noted = (f"COMMENT ON POLICY {quoted(name)} ON {table} IS {comment}",) if comment else ()
    return Dependant("policy", name, table, f"DROP POLICY {quoted(name)} ON {table}", (definition, *noted))


def _trigger(name: str, table: str, definition: str, state: str, comment: str | None) -> Dependant:
    noted = (f"COMMENT ON TRIGGER {quoted(name)} ON {table} IS {comment}",) if comment else ()
    switched = (f"ALTER TABLE {table} {_STATES[state]} TRIGGER {quoted(name)}",) if _STATES[state] else ()
    take_off = f"DROP TRIGGER {quoted(name)} ON {table}"
    return Dependant("trigger", name, table, take_off, (definition, *switched, *noted))


def checks_on(cursor: CursorWrapper, table: str, column: str) -> dict[str, str]:
    """The check constraints on this column alone: their conditions by name."""
    rows = _ask(
        cursor,
        "SELECT conname, pg_get_expr(conbin, conrelid) FROM pg_constraint WHERE conrelid = %s::regclass"
        " AND contype = 'c' AND conkey = ARRAY[(SELECT attnum FROM pg_attribute"
        " WHERE attrelid = conrelid AND attname = %s)] ORDER BY 1",
        table,
        column,
    )
    return dict(rows)


def keys_with(cursor: CursorWrapper, table: str, column: str) -> list[str]:
    """The indexes that hold whole values of this column; each has a longest value."""
    rows = _ask(
        cursor,
        "SELECT indexrelid::regclass::text FROM pg_index JOIN pg_attribute a ON a.attrelid = indrelid"
        " WHERE indrelid = %s::regclass AND attname = %s AND a.attnum = ANY(indkey) ORDER BY 1",
        table,
        column,
    )
    return [name for (name,) in rows]


def has_primary_key(cursor: CursorWrapper, table: str) -> bool:
    sql = "SELECT 1 FROM pg_index WHERE indrelid = %s::regclass AND indisprimary"
    return bool(_ask(cursor, sql, table))


class ForeignReference(NamedTuple):
    """A foreign key of another table to one of ours."""

    constraint: str
    table: str
    column: str
    target: str


def references_to(cursor: CursorWrapper, table: str) -> list[ForeignReference]:
    """Foreign keys of one column that lead to the table, except the one from a file to its clip."""
    rows = _ask(
        cursor,
        "SELECT conname, conrelid::regclass::text, own.attname, other.attname FROM pg_constraint"
        " JOIN pg_attribute own ON own.attrelid = conrelid AND own.attnum = conkey[1]"
        " JOIN pg_attribute other ON other.attrelid = confrelid AND other.attnum = confkey[1]"
        " WHERE contype = 'f' AND confrelid = %s::regclass AND cardinality(conkey) = 1"
        " AND conrelid IS DISTINCT FROM to_regclass('tts_cache_files') ORDER BY 2, 1",
        table,
    )
    return [ForeignReference(*row) for row in rows]


def existing(cursor: CursorWrapper, tables: Iterable[str]) -> list[str]:
    return _named(cursor, tables, kinds="rp")


def names_in_use(cursor: CursorWrapper, tables: Iterable[str]) -> list[str]:
    """Return the names that a table, a view or anything else bears already."""
    return _named(cursor, tables, kinds="rpvmfSciI")


def _named(cursor: CursorWrapper, tables: Iterable[str], *, kinds: str) -> list[str]:
    wanted = list(tables)
    rows = _ask(
        cursor,
        "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE nspname = current_schema() AND relkind = ANY(%s) AND relname = ANY(%s)",
        list(kinds),
        wanted,
    )
    found = {name for (name,) in rows}
    return [table for table in wanted if table in found]


def columns(cursor: CursorWrapper, table: str) -> dict[str, Column]:
    rows = _ask(
        cursor,
        "SELECT column_name, data_type, is_nullable = 'YES', column_default,"
        " is_identity = 'YES' OR is_generated = 'ALWAYS' FROM information_schema.columns"
        " WHERE table_schema = current_schema() AND table_name = %s ORDER BY ordinal_position",
        table,
    )
    return {name: Column(*facts) for name, *facts in rows}


def foreign_owner(cursor: CursorWrapper, table: str) -> str | None:
    """The role that owns the table, or None if we may act as that role."""
    rows = _ask(
        cursor,
        "SELECT pg_get_userbyid(relowner) FROM pg_class"
        " WHERE oid = %s::regclass AND NOT pg_has_role(relowner, 'USAGE')",
        table,
    )
    return rows[0][0] if rows else None


def hides_rows_from_us(cursor: CursorWrapper, table: str) -> bool:
    """Whether row level security is forced, and so hides rows from the owner as well."""
    rows = _ask(
        cursor,
        "SELECT 1 FROM pg_class WHERE oid = %s::regclass AND relrowsecurity AND relforcerowsecurity"
        " AND row_security_active(oid)",
        table,
    )
    return bool(rows)


def views_on(cursor: CursorWrapper, table: str, column: str) -> list[str]:
    """The views that read this column; PostgreSQL refuses to change its type while they exist."""
    rows = _ask(
        cursor,
        "SELECT DISTINCT v.oid::regclass::text FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid"
        " JOIN pg_class v ON v.oid = r.ev_class JOIN pg_attribute a"
        " ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid"
        " WHERE d.refobjid = %s::regclass AND v.relkind IN ('v', 'm')"
        " AND a.attname = %s ORDER BY 1",
        table,
        column,
    )
    return [name for (name,) in rows]


def is_unique(cursor: CursorWrapper, table: str, column: str) -> bool:
    """Whether a constraint or index enforces it for all rows, and not only at the commit."""
    rows = _ask(
        cursor,
        "SELECT 1 FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
        " WHERE i.indrelid = %s::regclass AND i.indisunique AND i.indnkeyatts = 1 AND a.attname = %s"
        " AND i.indpred IS NULL AND i.indimmediate AND i.indisvalid",
        table,
        column,
    )
    return bool(rows)


def is_indexed(cursor: CursorWrapper, table: str, column: str) -> bool:
    rows = _ask(
        cursor,
        "SELECT 1 FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
        " WHERE i.indrelid = %s::regclass AND a.attname = %s AND i.indpred IS NULL AND i.indisvalid",
        table,
        column,
    )
    return bool(rows)


def foreign_keys(cursor: CursorWrapper, table: str, column: str, target: str) -> dict[str, bool]:
    """The foreign keys of this column to the target table, and whether each is ON DELETE CASCADE."""
    rows = _ask(
        cursor,
        "SELECT conname, confdeltype = 'c' FROM pg_constraint JOIN pg_attribute"
        " ON attrelid = conrelid AND conkey = ARRAY[attnum]"
        " WHERE conrelid = %s::regclass AND contype = 'f' AND attname = %s AND confrelid = to_regclass(%s)",
        table,
        column,
        target,
    )
    return dict(rows)


def triggers(cursor: CursorWrapper, table: str) -> dict[str, str]:
    """The enabled triggers that people made, with the word that enables each again."""
    rows = _ask(
        cursor,
        "SELECT tgname, CASE tgenabled WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE' END FROM pg_trigger"
        " WHERE tgrelid = %s::regclass AND NOT tgisinternal AND tgenabled IN ('O', 'A') ORDER BY 1",
        table,
    )
    return dict(rows)


def _ask(cursor: CursorWrapper, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    cursor.execute(sql, values)
    return cast(list[tuple[Any, ...]], cursor.fetchall())
