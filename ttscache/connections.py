"""Returns database connections to the pool: before long waits, and when a thread ends.

Each thread has its own connections. A thread that ends without closing one takes it from the pool for good,
and once the pool is empty this process cannot reach the database any more. So every thread of ours that uses
the database is an `OrmThread` or a worker of an `OrmThreadPool`. Tasks of a pool and threads of
`start_thread` carry the id of the request that starts them into the log; an `OrmThread`, which may outlive
its request, does not.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from django.db import DEFAULT_DB_ALIAS, DataError, Error, IntegrityError, connections

from ttscache.thread_context import in_this_context

P = ParamSpec("P")
T = TypeVar("T")


def release_connections() -> None:
    """Return pooled connections before a long wait; a persistent one (CONN_MAX_AGE) stays open."""
    for connection in connections.all(initialized_only=True):
        # Closing it within a transaction would roll that back.
        if not connection.in_atomic_block and not connection.settings_dict["CONN_MAX_AGE"]:
            connection.close()


def why_refused(error: BaseException | None) -> str:
    """The rule by which the database refused one row, or "" if the database itself is to blame.

    It also looks into the causes of an error, such as those of a TierError. It names constraints and
    tables and never quotes a row.
    """
    while error is not None and not isinstance(error, Error):
        error = error.__cause__
    about = getattr(error and error.__cause__, "diag", None)
    state = (about and about.sqlstate) or ""
    is_raised_by_trigger = state.startswith("P0")
    if not isinstance(error, IntegrityError | DataError) and not is_raised_by_trigger:
        return ""
    if about is not None and about.constraint_name:
        return f"the constraint {about.constraint_name} of the table {about.table_name} forbids it"
    if about is not None and about.table_name:
        return f"the table {about.table_name} forbids it"
    return f"a rule of the database forbids it ({state or type(error).__name__})"


def check_deferred_constraints() -> None:
    """Make deferred constraints speak now, and not at the commit. Raises IntegrityError."""
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.vendor == "postgresql":
        connection.check_constraints()


@contextmanager
def returning_connections() -> Iterator[None]:
    """Return this thread's connections at the end, also after an error. Use it as a block or a decorator.

    Keep every query inside, also those of a database cache: a query after the block opens a new connection
    that nobody returns.
    """
    try:
        yield
    finally:
        connections.close_all()


class OrmThread(threading.Thread):
    """A thread that returns its database connections when it ends."""

    def run(self) -> None:
        with returning_connections():
            super().run()


class OrmThreadPool(ThreadPoolExecutor):
    """A thread pool whose workers return their database connections after each task."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        return super().submit(in_this_context(returning_connections()(fn)), *args, **kwargs)


def start_thread(target: Callable[[], object], *, name: str) -> OrmThread:
    """Run `target` in a daemon thread. Raises RuntimeError if the system cannot start a thread."""
    thread = OrmThread(target=in_this_context(target), name=name, daemon=True)
    thread.start()
    return thread


class PoolWatch:
    """Detects that this process's pool has lost its connections.

    A database that is down or full does not count, because a new pool would not help. A busy pool does not
    count either: it serves somebody between two looks.
    """

    LOOKS = 3

    def __init__(self) -> None:
        self._served = 0
        self._in_a_row = 0

    @property
    def is_lost(self) -> bool:
        """Whether the pool served nobody during the last looks, although the database answers."""
        return self._in_a_row >= self.LOOKS

    def look(self) -> None:
        """Get a connection for this thread; the caller returns it. Raises django.db.Error without one."""
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
    """Django's connection of this thread. Only PostgreSQL has a pool."""
    return connections[DEFAULT_DB_ALIAS]


def _has_pool() -> bool:
    return bool(_wrapper().settings_dict["OPTIONS"].get("pool"))


def _requests_served() -> int:
    """The number of connections that the pool has handed out since it was opened."""
    if not _has_pool():
        return 0
    figures: dict[str, int] = _wrapper().pool.get_stats()  # a figure that is 0 may be missing
    unserved = figures.get("requests_errors", 0) + figures.get("requests_waiting", 0)
    return figures.get("requests_num", 0) - unserved


def _database_answers() -> bool:
    """Whether the database accepts a connection outside the pool."""
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
