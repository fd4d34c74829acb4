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
from typing import ParamSpec, TypeVar

from django.db import connections

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
