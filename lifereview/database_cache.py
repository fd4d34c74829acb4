"""CountingCache: Django's database cache with a counter in one statement."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from itertools import count
from typing import Any

from django.core.cache.backends.db import DatabaseCache
from django.db import connections, router

CULL_EVERY = 100  # counts in one process


class CountingCache(DatabaseCache):
    """Counts in one statement. Django's `incr` takes four, and loses counts of other processes."""

    _counts = count(1)

    def count_in_window(self, key: str, seconds: int) -> int | None:
        """Add one to a count that restarts `seconds` after its first one; returns the new count.

        One statement, so no count of another process or host is lost. Returns None on SQLite before 3.35,
        which has no RETURNING. The value is a plain number, which get() cannot read.
        """
        if next(self._counts) % CULL_EVERY == 0:
            self.set("culled", True)  # Django's set() deletes rows if there are too many
        connection = connections[router.db_for_write(self.cache_model_class)]
        if not connection.features.can_return_columns_from_insert:
            return None

        def moment(timestamp: float) -> Any:
            """Convert to a value of the database, to the second, as Django does."""
            to_the_second = datetime.fromtimestamp(timestamp, tz=UTC).replace(microsecond=0)
            return connection.ops.adapt_datetimefield_value(to_the_second)

        now = time.time()
        table = connection.ops.quote_name(self._table)  # type: ignore[attr-defined]
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {table} AS held (cache_key, value, expires) VALUES (%s, '1', %s)"  # noqa: S608
                " ON CONFLICT (cache_key) DO UPDATE SET"
                " value = CASE WHEN held.expires <= %s THEN '1'"
                " ELSE CAST(CAST(held.value AS integer) + 1 AS varchar(20)) END,"
                " expires = CASE WHEN held.expires <= %s THEN EXCLUDED.expires ELSE held.expires END"
                " RETURNING value",
                [self.make_and_validate_key(key), moment(now + seconds), moment(now), moment(now)],
            )
            return int(cursor.fetchone()[0])
