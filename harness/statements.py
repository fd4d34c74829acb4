"""Counts SQL statements, whichever thread of this process makes them."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from django.db.backends.utils import CursorWrapper

TRANSACTION_CONTROL = re.compile(r"\s*(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|SET|PRAGMA)\b", re.IGNORECASE)
SIGNING_IN = re.compile(r"\b(django_session|auth_\w+|ttscache_apitoken)\b")


@contextmanager
def statements(*, of_this_thread: bool = False) -> Iterator[list[str]]:
    """Collects each statement's SQL, in order; of all threads, unless told otherwise.

    Left out are transaction control and what looks up the caller: session, user, permissions and token.
    """
    seen: list[str] = []
    watcher = threading.current_thread()
    execute, executemany = CursorWrapper.execute, CursorWrapper.executemany

    def note(sql: object) -> None:
        if of_this_thread and threading.current_thread() is not watcher:
            return
        text = str(sql)
        if not TRANSACTION_CONTROL.match(text) and not SIGNING_IN.search(text):
            seen.append(text)

    def noting_execute(self: CursorWrapper, sql: Any, params: Any = None) -> Any:
        note(sql)
        return execute(self, sql, params)

    def noting_executemany(self: CursorWrapper, sql: Any, param_list: Any) -> Any:
        note(sql)
        return executemany(self, sql, param_list)

    with (
        patch.object(CursorWrapper, "execute", noting_execute),
        patch.object(CursorWrapper, "executemany", noting_executemany),
    ):
        yield seen
