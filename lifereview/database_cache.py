"""Django's cache in the database, with writes that cost one statement."""

from __future__ import annotations

import base64
import pickle
from datetime import UTC, datetime
from itertools import count
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.db import DatabaseCache
from django.db import connections, router

CULL_EVERY = 100  # writes of a process


class UpsertCache(DatabaseCache):
    """Django counts all rows and looks for the key before each set(): three statements for each generation
    that is counted. Here a set() is one upsert, which SQLite and PostgreSQL both know.

    One write in CULL_EVERY is left to Django, which removes rows if there are too many.
    """

    _writes = count(1)

    def set(
        self, key: Any, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None
    ) -> None:
        if next(self._writes) % CULL_EVERY == 0:
            super().set(key, value, timeout, version)
            return
        ends_at = self.get_backend_timeout(timeout)
        for_ever = datetime.max.replace(tzinfo=UTC)
        expires = for_ever if ends_at is None else datetime.fromtimestamp(ends_at, tz=UTC)
        pickled = pickle.dumps(value, self.pickle_protocol)
        connection = connections[router.db_for_write(self.cache_model_class)]
        table = connection.ops.quote_name(self._table)  # type: ignore[attr-defined]
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {table} (cache_key, value, expires) VALUES (%s, %s, %s)"  # noqa: S608 - from settings
                " ON CONFLICT (cache_key) DO UPDATE SET value = EXCLUDED.value, expires = EXCLUDED.expires",
                [
                    self.make_and_validate_key(key, version=version),
                    base64.b64encode(pickled).decode("ascii"),
                    connection.ops.adapt_datetimefield_value(expires.replace(microsecond=0)),
                ],
            )
