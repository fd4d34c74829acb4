"""Rows that many tests begin with: made once in each process, then copied into the tables for each test.

Publishing a journey takes tens of milliseconds, and loading the default content hundreds. A copy takes a few.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from harness.emptied_tables import CACHE_TABLE, KEPT_TABLES

# Users, their sessions and the schedule of `migrate` may stand beside the rows; `make` must not touch them.
LEFT_ALONE = {*KEPT_TABLES, "auth_user", "auth_user_groups", "django_session", "django_q_schedule"}

_prepared: dict[tuple[Callable[[], object], str, bool], list[tuple[str, Any]]] = {}


def put_rows_of(make: Callable[[], object]) -> None:
    """Leave the database as make() does, by a copy of the rows if it ran before with the same settings.

    It always runs if there are rows already, because what it makes may depend on them.
    """
    # Each test has its own folder of clips, and no row names it.
    speech = {name: value for name, value in settings.TTSCACHE.items() if name != "files_dir"}
    # Within the transaction of a test nothing is queued on commit.
    key = (make, repr(sorted(speech.items())), connection.in_atomic_block)
    if _has_rows():
        make()
    elif key in _prepared:
        with transaction.atomic():
            for table, rows in _prepared[key]:
                _copy_in(table, rows)
    else:
        make()
        _prepared[key] = [(table, rows) for table in _own_tables() if (rows := _copy_out(table))]


@cache
def _own_tables() -> tuple[str, ...]:
    ours = connection.introspection.django_table_names(only_existing=True, include_views=False)
    there = connection.introspection.table_names()
    return tuple(sorted({*ours, *({CACHE_TABLE} & set(there))} - LEFT_ALONE))


def _has_rows() -> bool:
    some_row = " OR ".join(f"EXISTS (SELECT 1 FROM {_quoted(table)})" for table in _own_tables())
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {some_row}")
        return bool(cursor.fetchone()[0])


@cache
def _columns(table: str) -> tuple[str, ...]:
    with connection.cursor() as cursor:
        described = connection.introspection.get_table_description(cursor, table)
    return tuple(_quoted(column.name) for column in described)


def _copy_out(table: str) -> Any:
    columns = _columns(table)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {_quoted(table)} ({', '.join(columns)}) TO STDOUT") as copy:
                return b"".join(bytes(block) for block in copy)
        # The + keeps the stored value: sqlite3 would convert a date of a bare column.
        cursor.execute(f"SELECT {', '.join(f'+{column}' for column in columns)} FROM {_quoted(table)}")
        return cursor.fetchall()


def _copy_in(table: str, rows: Any) -> None:
    columns = _columns(table)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {_quoted(table)} ({', '.join(columns)}) FROM STDIN") as copy:
                copy.write(rows)
        else:
            values = ", ".join(["%s"] * len(columns))
            cursor.executemany(f"INSERT INTO {_quoted(table)} ({', '.join(columns)}) VALUES ({values})", rows)


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)
