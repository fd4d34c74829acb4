"""Django's cache in the database: values as JSON, and each change in one statement.

Django's own keeps pickles, which run code when they are read: who can write to the table could take over this
site. It also reads before it writes, so a change by another process in between is lost.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.db import DatabaseCache
from django.db import connections, router, transaction

CULL_EVERY = 100  # counts in one process
NEVER = datetime(9999, 1, 1, tzinfo=UTC).timestamp()

logger = logging.getLogger(__name__)


class CountingCache(DatabaseCache):
    """A row is a key, a value in JSON, and the second at which it expires."""

    _counts = count(1)

    def count_in_window(self, key: str, seconds: int) -> int:
        """Add one to a count that restarts `seconds` after its first one; returns the new count."""
        if next(self._counts) % CULL_EVERY == 0:
            self.set("culled", True)
        now = time.time()
        sql = (
            "INSERT INTO {table} AS held (cache_key, value, expires) VALUES (%s, '1', %s)"
            " ON CONFLICT (cache_key) DO UPDATE SET"
            " value = CASE WHEN held.expires <= %s THEN '1'"
            " ELSE CAST(CAST(held.value AS integer) + 1 AS varchar(20)) END,"
            " expires = CASE WHEN held.expires <= %s THEN EXCLUDED.expires ELSE held.expires END"
        )
        values = [self.make_and_validate_key(key), *map(self._moment, (now + seconds, now, now))]
        return self._changed_count(sql, values)

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """Add to a count that is there, and leave its end as it is. Raises ValueError if there is none."""
        full_key = self.make_and_validate_key(key, version)
        sql = (
            "UPDATE {table} SET value = CAST(CAST(value AS integer) + %s AS varchar(20))"
            " WHERE cache_key = %s AND expires > %s"
        )
        return self._changed_count(sql, [delta, full_key, self._moment(time.time())], key_at=1)

    def get_many(self, keys: Iterable[str], version: int | None = None) -> dict[str, Any]:
        full_keys = {self.make_and_validate_key(key, version): key for key in keys}
        if not full_keys:
            return {}
        marks = ", ".join(["%s"] * len(full_keys))
        with self._cursor(for_write=False) as cursor:
            cursor.execute(
                f"SELECT cache_key, value FROM {self._quoted_table}"  # noqa: S608
                f" WHERE cache_key IN ({marks}) AND expires > %s",
                [*full_keys, self._moment(time.time())],
            )
            rows = cursor.fetchall()
        return {full_keys[full_key]: value for full_key, text in rows for value in _decoded(text)}

    def _base_set(self, mode: str, key: str, value: object, timeout: float | None = DEFAULT_TIMEOUT) -> bool:
        """Serve Django's set(), add() and touch(): `key` is complete. Returns whether the row was written."""
        expires = self.get_backend_timeout(timeout)
        until = self._moment(NEVER if expires is None else expires)
        now = self._moment(time.time())
        with self._cursor() as cursor:
            if mode == "touch":
                cursor.execute(
                    f"UPDATE {self._quoted_table} SET expires = %s"  # noqa: S608
                    " WHERE cache_key = %s AND expires > %s",
                    [until, key, now],
                )
                return bool(cursor.rowcount)
            cursor.execute(f"SELECT COUNT(*) FROM {self._quoted_table}")  # noqa: S608
            rows = cursor.fetchone()[0]
            if rows > self._max_entries:
                self._cull(self._alias(for_write=True), cursor, datetime.now(UTC), rows)  # type: ignore[attr-defined]
            only_if_expired = " WHERE held.expires <= %s" if mode == "add" else ""
            cursor.execute(
                f"INSERT INTO {self._quoted_table} AS held (cache_key, value, expires)"  # noqa: S608
                " VALUES (%s, %s, %s) ON CONFLICT (cache_key) DO UPDATE"
                f" SET value = EXCLUDED.value, expires = EXCLUDED.expires{only_if_expired}",
                [key, json.dumps(value), until, *([now] if only_if_expired else [])],
            )
            return bool(cursor.rowcount)

    def _changed_count(self, sql: str, values: list[Any], key_at: int = 0) -> int:
        """Run a statement that changes one count; returns the count. Raises ValueError if there is none."""
        sql = sql.format(table=self._quoted_table)
        alias = self._alias(for_write=True)
        with self._cursor() as cursor:
            if connections[alias].features.can_return_columns_from_insert:
                cursor.execute(f"{sql} RETURNING value", values)
                row = cursor.fetchone()
            else:  # SQLite before 3.35; a transaction holds the write lock from its beginning on
                with transaction.atomic(using=alias):
                    cursor.execute(sql, values)
                    where = f"SELECT value FROM {self._quoted_table} WHERE cache_key = %s"  # noqa: S608
                    found = cursor.rowcount and cursor.execute(where, [values[key_at]])
                    row = cursor.fetchone() if found else None
        if row is None:
            raise ValueError("There is no such count.")
        return int(row[0])

    @contextmanager
    def _cursor(self, *, for_write: bool = True) -> Iterator[Any]:
        with connections[self._alias(for_write=for_write)].cursor() as cursor:
            yield cursor

    def _alias(self, *, for_write: bool) -> str:
        choose = router.db_for_write if for_write else router.db_for_read
        return choose(self.cache_model_class)

    @property
    def _quoted_table(self) -> str:
        return connections[self._alias(for_write=True)].ops.quote_name(self._table)  # type: ignore[attr-defined]

    def _moment(self, timestamp: float) -> Any:
        """Convert to a value of the database, to the second, as Django does."""
        to_the_second = datetime.fromtimestamp(timestamp, tz=UTC).replace(microsecond=0)
        return connections[self._alias(for_write=True)].ops.adapt_datetimefield_value(to_the_second)


def _decoded(text: str) -> Iterator[Any]:
    """The value, or nothing if this is no JSON: what an older version or a stranger has left is not there."""
    try:
        yield json.loads(text)
    except ValueError:
        logger.warning("A cached value that is no JSON is ignored.")
