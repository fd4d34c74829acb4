"""Carries the rows of all models between PostgreSQL and a SQLite file, as Django would store them in each.

Columns that no model has, such as those of an earlier system, stay behind.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from django.apps import apps
from django.core.management.color import no_style
from django.db import connection, transaction
from django.db.models import Model

MIGRATIONS = "django_migrations"
# The first tells of these very tables, the second holds nothing that has to last.
_NOT_CARRIED = {MIGRATIONS, "django_cache"}
_AT_ONCE = 50  # rows; a clip may have megabytes


@dataclass(frozen=True, slots=True)
class TableRows:
    """A table and the columns of it that are carried."""

    name: str
    columns: tuple[str, ...]

    @property
    def quoted_columns(self) -> str:
        return ", ".join(f'"{column}"' for column in self.columns)


def model_tables() -> list[TableRows]:
    """The tables of all models. A table comes after those that its foreign keys name, where that is possible.

    Most foreign keys are checked at the end of a transaction; those of an earlier system are checked at once.
    """
    models = [model for model in apps.get_models(include_auto_created=True) if model._meta.managed]
    ordered: dict[str, TableRows] = {}
    waiting: set[type[Model]] = set()

    def add(model: type[Model]) -> None:
        if model in waiting or model._meta.db_table in ordered:
            return
        waiting.add(model)
        for each in model._meta.concrete_fields:
            if isinstance(each.related_model, type) and each.related_model is not model:
                add(each.related_model)
        columns = tuple(str(each.column) for each in model._meta.concrete_fields)
        ordered[model._meta.db_table] = TableRows(model._meta.db_table, columns)

    for model in models:
        add(model)
    return list(ordered.values())


# --- out of PostgreSQL ------------------------------------------------------------------------------------
def write_rows_of_postgresql(path: Path) -> None:
    """Write all rows into a new SQLite file, as they are at one moment. Raises django.db.Error."""
    with closing(sqlite3.connect(path)) as target, transaction.atomic():
        target.execute("PRAGMA journal_mode=OFF")
        target.execute("PRAGMA synchronous=OFF")
        with connection.cursor() as cursor:
            # One snapshot for all tables, however long it takes; writers go on meanwhile.
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute("SET LOCAL statement_timeout = 0")
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        for table in (*model_tables(), TableRows(MIGRATIONS, ("id", "app", "name", "applied"))):
            target.execute(f'CREATE TABLE "{table.name}" ({table.quoted_columns})')
            places = ", ".join("?" * len(table.columns))
            target.executemany(
                f'INSERT INTO "{table.name}" VALUES ({places})',  # noqa: S608 - names of our models
                _rows_of_postgresql(table),
            )
        target.commit()


def _rows_of_postgresql(table: TableRows) -> Iterator[list[Any]]:
    # A cursor of the server's side hands the rows over in pieces; all clips at once would fill the memory.
    raw: Any = connection.connection
    with raw.cursor(name=f"backup_{table.name}"[:60]) as cursor:
        cursor.itersize = _AT_ONCE
        cursor.execute(f'SELECT {table.quoted_columns} FROM "{table.name}"')  # noqa: S608 - names of our models
        for row in cursor:
            yield [_as_sqlite(value) for value in row]


def _as_sqlite(value: Any) -> Any:
    """The value as Django stores it in SQLite."""
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, datetime):
        return str(value.astimezone(UTC).replace(tzinfo=None))
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, dict | list):
        return json.dumps(value)
    if isinstance(value, memoryview):
        return bytes(value)
    if value is None or isinstance(value, str | int | float | bytes):
        return value
    return str(value) if isinstance(value, Decimal) else value.isoformat()


# --- into the present database ------------------------------------------------------------------------------
def replace_rows(path: Path) -> None:
    """Replace all rows of the database by those of a SQLite file, in one transaction. Raises django.db.Error.

    Until it ends everybody sees the old rows, and a killed process leaves them.
    """
    if connection.vendor == "postgresql":
        _replace_in_postgresql(path)
    else:
        _replace_in_sqlite(path)


def _carried_tables(source: sqlite3.Connection) -> list[TableRows]:
    """The tables and columns that both have, because an older backup may lack some, or have others."""
    there = {name for (name,) in source.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    order = {table.name: place for place, table in enumerate(model_tables())}
    with connection.cursor() as cursor:
        here = set(connection.introspection.table_names(cursor)) & there - _NOT_CARRIED
        carried = []
        for name in sorted(here, key=lambda each: (order.get(each, len(order)), each)):
            own = {column.name for column in connection.introspection.get_table_description(cursor, name)}
            columns = [column for _, column, *_ in source.execute(f'PRAGMA table_info("{name}")')]
            carried.append(TableRows(name, tuple(column for column in columns if column in own)))
    return carried


def _emptied_tables(carried: list[TableRows]) -> list[str]:
    """All tables of ours: what a table without a counterpart in the backup holds goes as well."""
    here = set(connection.introspection.table_names())
    return sorted({table.name for table in carried} | {table.name for table in model_tables()} & here)


def _replace_in_postgresql(path: Path) -> None:
    source = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    with closing(source), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL TIME ZONE 'UTC'")  # SQLite's times have no zone and are in UTC
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        carried = _carried_tables(source)
        emptied = _emptied_tables(carried)
        cursor.execute("TRUNCATE " + ", ".join(f'"{name}"' for name in emptied))
        for table in carried:
            _copy_in(cursor, table, source)
        models = [model for model in apps.get_models() if model._meta.db_table in emptied]
        for statement in connection.ops.sequence_reset_sql(no_style(), models):
            cursor.execute(statement)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def _copy_in(cursor: Any, table: TableRows, source: sqlite3.Connection) -> None:
    """Copy as text, which PostgreSQL reads into the type of each column, such as 1 into a boolean."""
    rows = source.execute(f'SELECT {table.quoted_columns} FROM "{table.name}"')  # noqa: S608
    with cursor.cursor.copy(f'COPY "{table.name}" ({table.quoted_columns}) FROM STDIN') as copy:
        for row in rows:
            copy.write_row(row)


def _replace_in_sqlite(path: Path) -> None:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as source:
        carried = _carried_tables(source)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA foreign_keys = OFF")  # has no effect within a transaction
        cursor.execute("ATTACH DATABASE %s AS backup", [str(path)])
        with transaction.atomic():
            for name in _emptied_tables(carried):
                cursor.execute(f'DELETE FROM "{name}"')  # noqa: S608
            for table in carried:
                columns, name = table.quoted_columns, table.name
                cursor.execute(f'INSERT INTO "{name}" ({columns}) SELECT {columns} FROM backup."{name}"')  # noqa: S608
        cursor.execute("DETACH DATABASE backup")
