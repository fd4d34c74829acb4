"""Revokes the rights of Supabase's public API roles on our tables.

By default these roles reach every present and future table of the schema, and so drafts, clips and the
sessions of staff.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from django.db.backends.utils import CursorWrapper

from ttscache.adoption.plan_types import AdoptionPlan, CannotAdopt, Step
from ttscache.adoption.rows import ASIDE

logger = logging.getLogger(__name__)

PUBLIC_ROLES = ("anon", "authenticated")
TABLE_RIGHTS = ("DELETE", "INSERT", "REFERENCES", "SELECT", "TRIGGER", "TRUNCATE", "UPDATE")

# A right on a single column counts as a right on the table.
_EXPOSURES = """
SELECT t.relname, CASE WHEN NOT pg_has_role(t.relowner, 'USAGE') THEN pg_get_userbyid(t.relowner) END,
    t.relrowsecurity,
    ARRAY(SELECT DISTINCT kind FROM unnest(%(kinds)s::text[]) kind, unnest(%(roles)s::text[]) role
        WHERE CASE WHEN kind IN ('INSERT', 'REFERENCES', 'SELECT', 'UPDATE')
            THEN has_any_column_privilege(role, t.oid, kind) ELSE has_table_privilege(role, t.oid, kind) END
        ORDER BY kind),
    ARRAY(SELECT s.oid::regclass::text FROM pg_depend JOIN pg_class s ON s.oid = objid AND s.relkind = 'S'
        WHERE refobjid = t.oid AND classid = 'pg_class'::regclass AND deptype IN ('a', 'i')
            AND EXISTS (SELECT 1 FROM unnest(%(roles)s::text[]) role
                WHERE has_sequence_privilege(role, s.oid, 'USAGE, SELECT, UPDATE')))
FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE n.nspname = current_schema() AND t.relkind IN ('r', 'p') AND t.relname = ANY(%(tables)s)
ORDER BY array_position(%(tables)s::text[], t.relname::text)
"""
_READABLE_VIEWS = """
SELECT DISTINCT v.oid::regclass::text, t.relname
FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
    JOIN pg_class v ON v.oid = r.ev_class AND v.relkind IN ('v', 'm')
    JOIN pg_class t ON t.oid = d.refobjid
    JOIN pg_namespace n ON n.oid = t.relnamespace AND n.nspname = current_schema()
WHERE t.relname = ANY(%(tables)s) AND EXISTS (SELECT 1 FROM unnest(%(roles)s::text[]) role
    WHERE has_any_column_privilege(role, v.oid, 'SELECT'))
"""


class Exposure(NamedTuple):
    """The rights of the public roles on a table and on the sequences that number its rows."""

    table: str
    foreign_owner: str | None
    has_row_level_security: bool
    rights: list[str]
    sequences: list[str]

    @property
    def is_closed(self) -> bool:
        return self.has_row_level_security and not self.rights and not self.sequences


def close_public_roles(connection: Any, *, besides: Sequence[str] = ()) -> None:
    """Close all our tables to the public roles, except `besides`.

    Run it after every migration, because Supabase opens each new table.
    """
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        roles = existing_public_roles(cursor)
        if roles:
            tables = [table for table in _our_tables(connection) if table not in besides]
            AdoptionPlan(tuple(closing_steps(cursor, roles, tables))).perform(cursor)


def tell_what_is_open(connection: Any) -> None:
    """Log what the public roles still reach by another role or a view: we cannot revoke those rights."""
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        roles = existing_public_roles(cursor)
        if not roles:
            return
        names, tables = " or ".join(roles), _our_tables(connection)
        for exposure in _exposures(cursor, roles, tables):
            if exposure.rights:
                logger.error("%s can still reach the table %s through another role.", names, exposure.table)
        cursor.execute(_READABLE_VIEWS, {"roles": roles, "tables": tables})
        for view, table in cursor.fetchall():
            logger.error("%s can read the view %s, which shows what is in %s.", names, view, table)


def existing_public_roles(cursor: CursorWrapper) -> list[str]:
    cursor.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY(%s) ORDER BY 1", [list(PUBLIC_ROLES)])
    return [name for (name,) in cursor.fetchall()]


def closing_steps(cursor: CursorWrapper, roles: Sequence[str], tables: Sequence[str]) -> Iterator[Step]:
    """Steps that close the tables. Raises CannotAdopt if a table is open and another role owns it."""
    losers = _losers(roles)
    who = " and ".join(roles)
    for exposure in _exposures(cursor, roles, tables):
        table = exposure.table
        if not exposure.is_closed and exposure.foreign_owner:
            raise CannotAdopt(
                f"Table {table} belongs to the role {exposure.foreign_owner}, so {who} cannot be kept "
                "from it: migrate as that role, or make the table yours."
            )
        if exposure.rights:
            says = f"{who} lose their rights ({', '.join(exposure.rights).lower()})"
            yield Step.of(table, says, f'REVOKE ALL ON TABLE "{table}" FROM {losers}')
        for sequence in exposure.sequences:
            says = f"{who} lose their rights on {sequence}"
            yield Step.of(table, says, f"REVOKE ALL ON SEQUENCE {sequence} FROM {losers}")
        if not exposure.has_row_level_security:
            sql = f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY'
            yield Step.of(table, "row level security is turned on", sql)


def closing_step_of_new(roles: Sequence[str], table: str) -> Step:
    """The step for a table that adoption itself creates: Supabase opens it at once."""
    return Step.of(
        table,
        f"{' and '.join(roles)} get no rights, row level security is turned on",
        f'REVOKE ALL ON TABLE "{table}" FROM {_losers(roles)}',
        f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY',
    )


def _losers(roles: Sequence[str]) -> str:
    return ", ".join(["PUBLIC", *roles])  # these roles also have the rights of PUBLIC


def _exposures(cursor: CursorWrapper, roles: Sequence[str], tables: Sequence[str]) -> list[Exposure]:
    values = {"kinds": list(TABLE_RIGHTS), "roles": list(roles), "tables": list(tables)}
    cursor.execute(_EXPOSURES, values)
    return [Exposure(*row) for row in cursor.fetchall()]


def _our_tables(connection: Any) -> list[str]:
    ours = connection.introspection.django_table_names(include_views=False)
    return sorted({*ours, "django_migrations", "django_cache", *ASIDE.values()})
