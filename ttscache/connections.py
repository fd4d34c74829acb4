"""Database connections that wait for nobody, and threads that return theirs.

Each thread has connections of its own. A pool never gets one back from a thread that ended without closing
it, and once all are lost nothing in this process reaches the database any more. So every thread of ours that
may ask the database is an `OrmThread`, or a worker of an `OrmThreadPool`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from django.db import DEFAULT_DB_ALIAS, Error, connections

P = ParamSpec("P")
T = TypeVar("T")


def release_connections() -> None:
    """Give pooled database connections back before a long wait; one that is this thread's own stays."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block and not connection.settings_dict["CONN_MAX_AGE"]:
            connection.close()


@contextmanager
def returning_connections() -> Iterator[None]:
    """Return this thread's connections at the end, whatever happens. A block, or a decorator of a function.

    Whatever asks the database has to be inside, a database cache included: the next query after it opens a
    new connection.
    """
    try:
        yield
    finally:
        connections.close_all()


class OrmThread(threading.Thread):
    """A thread whose last act is to return its database connections."""

    def run(self) -> None:
        with returning_connections():
            super().run()


class OrmThreadPool(ThreadPoolExecutor):
    """Worker threads that return their database connections after each piece of work."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        return super().submit(returning_connections()(fn), *args, **kwargs)


def start_thread(target: Callable[[], object], *, name: str) -> OrmThread:
    """Run `target` in a thread of its own, which does not keep the process from ending. Raises RuntimeError
    where there is no thread to be had."""
    thread = OrmThread(target=target, name=name, daemon=True)
    thread.start()
    return thread


class PoolWatch:
    """Notices that this process's pool has lost its connections, whoever lost them.

    A database that is down, or has no connection left for anyone, is no reason: then a new process would be
    no better off. Nor is a busy pool, which serves somebody between two looks.
    """

    LOOKS = 3

    def __init__(self) -> None:
        self._served = 0
        self._in_a_row = 0

    @property
    def is_lost(self) -> bool:
        """Whether nobody got a connection during the last looks, although the database had some to give."""
        return self._in_a_row >= self.LOOKS

    def look(self) -> None:
        """Get a connection for this thread, which the caller returns. Raises Error where there is none."""
        served = self._served
        try:
            _wrapper().ensure_connection()
        except Error:
            self._served = _requests_served()
            is_stuck = _has_pool() and self._served <= served and _database_answers()
            self._in_a_row = self._in_a_row + 1 if is_stuck else 0
            raise
        self._served = _requests_served()
        self._in_a_row = 0

    def start_anew(self) -> None:
        _wrapper().close_pool()
        self._in_a_row = 0


def _wrapper() -> Any:
    """Django's connection of this thread; only that to PostgreSQL has a pool."""
    return connections[DEFAULT_DB_ALIAS]


def _has_pool() -> bool:
    return bool(_wrapper().settings_dict["OPTIONS"].get("pool"))


def _requests_served() -> int:
    """How many connections the pool ever gave."""
    if not _has_pool():
        return 0
    figures: dict[str, int] = _wrapper().pool.get_stats()  # a figure that is 0 may be missing
    unserved = figures.get("requests_errors", 0) + figures.get("requests_waiting", 0)
    return figures.get("requests_num", 0) - unserved


def _database_answers() -> bool:
    """Whether it takes a connection that is not of the pool."""
    known = _wrapper().settings_dict
    options = {name: value for name, value in known["OPTIONS"].items() if name != "pool"}
    direct = type(_wrapper())({**known, "OPTIONS": options}, DEFAULT_DB_ALIAS)
    try:
        with direct.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return False
    finally:
        direct.close()
    return True
