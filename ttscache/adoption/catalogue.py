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


def existing(cursor: CursorWrapper, tables: Iterable[str]) -> list[str]:
    rows = _ask(
        cursor,
        "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE nspname = current_schema() AND relkind IN ('r', 'p') AND relname = ANY(%s)",
        list(tables),
    )
    found = {name for (name,) in rows}
    return [table for table in tables if table in found]


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


def foreign_keys(cursor: CursorWrapper, table: str) -> dict[str, bool]:
    """The foreign keys by name, and whether each deletes with its target (ON DELETE CASCADE)."""
    rows = _ask(
        cursor,
        "SELECT conname, confdeltype = 'c' FROM pg_constraint"
        " WHERE conrelid = %s::regclass AND contype = 'f'",
        table,
    )
    return dict(rows)


def triggers(cursor: CursorWrapper, table: str) -> list[str]:
    """The enabled triggers that people made; PostgreSQL's own for constraints are left out."""
    rows = _ask(
        cursor,
        "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal AND tgenabled = 'O'"
        " ORDER BY 1",
        table,
    )
    return [name for (name,) in rows]


def _ask(cursor: CursorWrapper, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    cursor.execute(sql, values)
    return cast(list[tuple[Any, ...]], cursor.fetchall())
