"""Obstacles to the adoption of a found table. Each function raises CannotAdopt, which says what to do.

Others are found where they are met: types that cannot be changed (column_types.py), names that another
program uses (taken_names.py), roles (public_roles.py), a lock or no schema (plan.py), and what only shows
when rows are written (trial.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db.backends.utils import CursorWrapper

from ttscache.adoption import TABLES, catalogue
from ttscache.adoption.columns import COLUMNS
from ttscache.adoption.plan_types import CannotAdopt, Step


def check_schema(cursor: CursorWrapper, table: str) -> None:
    """Raise CannotAdopt if the name stands for a table that is not where this site makes its own."""
    schema = catalogue.found_elsewhere(cursor, table)
    if schema is not None:
        raise CannotAdopt(
            f"Table {table} is in the schema {schema}, not the first of the search path: make it the "
            f"first, or run ALTER TABLE {schema}.{table} SET SCHEMA to move it there, then migrate."
        )


def check_shape(cursor: CursorWrapper, table: str) -> None:
    """Raise CannotAdopt if something other than an ordinary table has the name of the table."""
    shape = catalogue.unusual_shape(cursor, table)
    if shape in {"a sequence", "a type", "an index"}:
        raise CannotAdopt(
            f"{table} is {shape}, so no table of that name can be made: rename it, then migrate."
        )
    if shape is not None:
        raise CannotAdopt(
            f"{table} is {shape}, which cannot be adopted: rename it, create an ordinary table {table} from "
            "its rows, then migrate."
        )


def check_table(cursor: CursorWrapper, table: str) -> None:
    """Raise CannotAdopt, with the table, the column and what to do, if the table cannot be adopted."""
    owner = catalogue.foreign_owner(cursor, table)
    if owner is not None:
        raise CannotAdopt(
            f"Table {table} belongs to the role {owner}: migrate as that role, "
            f"or make it yours with ALTER TABLE {table} OWNER TO the role of DATABASE_URL."
        )
    if catalogue.hides_rows_from_us(cursor, table):
        raise CannotAdopt(
            f"Row level security of {table} hides its rows from its owner as well: "
            f"run ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY, then migrate."
        )
    found = catalogue.columns(cursor, table)
    for column, definition in COLUMNS[table].items():
        if column not in found and not definition:
            raise CannotAdopt(
                f"Table {table} has no column {column}: it is not the table this project knows."
            )
    for rule in catalogue.rules(cursor, table):
        raise CannotAdopt(
            f"The rule {rule} of {table} changes what this site writes: run DROP RULE "
            f"{catalogue.quoted(rule)} ON {table}, then migrate."
        )


def check_references(cursor: CursorWrapper, steps: Sequence[Step]) -> None:
    """Raise CannotAdopt if another table refers to a row that has to move: it would lose its target."""
    for table in TABLES:
        leaving = [row for step in steps if step.table == table for row in step.set_aside]
        for each in catalogue.references_to(cursor, table) if leaving else ():
            cursor.execute(
                f"SELECT count(*), min(t.id::text) FROM {each.table} r JOIN {table} t"  # noqa: S608
                f" ON r.{catalogue.quoted(each.column)} = t.{catalogue.quoted(each.target)}"
                " WHERE t.id = ANY(%s::uuid[])",
                [leaving],
            )
            count, first = cursor.fetchone()
            if count:
                raise CannotAdopt(
                    f"{count} rows of {each.table} refer to rows of {table} that cannot stay, such as "
                    f"{first} (constraint {each.constraint}): point them to another row, or delete them, "
                    "then migrate."
                )
