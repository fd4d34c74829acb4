"""Records the SQL statements of all threads of this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created


@contextmanager
def recorded_statements() -> Iterator[list[str]]:
    """Record the SQL of each statement within the block, also of threads that begin later.

    Leaves out the beginnings and ends of transactions and the setup of connections.
    """
    statements: list[str] = []

    def record(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if not sql.startswith("BEGIN"):  # only SQLite sends it as a statement
            statements.append(sql)
        return execute(sql, *rest)

    def watch(connection: BaseDatabaseWrapper, **_: Any) -> None:
        if record not in connection.execute_wrappers:
            connection.execute_wrappers.append(record)

    mine = connections.all(initialized_only=True)
    for connection in mine:
        watch(connection)
    connection_created.connect(watch)
    try:
        yield statements
    finally:
        connection_created.disconnect(watch)
        for connection in mine:
            if record in connection.execute_wrappers:
                connection.execute_wrappers.remove(record)
