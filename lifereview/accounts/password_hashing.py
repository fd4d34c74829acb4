"""Works out password hashes one after the other, behind everything else that this process does.

A hash takes a core for a third of a second, on purpose. Many at once would leave listeners waiting.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

from django.contrib.auth.hashers import PBKDF2PasswordHasher

from ttscache.connections import OrmThreadPool, release_connections

MOST_WAITING = 8
NICENESS = 15  # nice(2), which Linux has for each thread


class _Queue:
    """One thread that hashes. It starts with the first password of this process."""

    def __init__(self) -> None:
        self.waiting = 0
        self._lock = threading.Lock()
        self._pool: OrmThreadPool | None = None

    def run(self, encode: Callable[..., str], *arguments: object) -> str:
        with self._lock:
            if self._pool is None:
                self._pool = OrmThreadPool(1, thread_name_prefix="hashing", initializer=_step_back)
            self.waiting += 1
        release_connections()  # the wait may take seconds, and the pool is small
        try:
            return self._pool.submit(encode, *arguments).result()
        finally:
            with self._lock:
                self.waiting -= 1

    def forget(self) -> None:
        """Begin anew in a fork, which has no threads of its parent."""
        self.waiting, self._lock, self._pool = 0, threading.Lock(), None


_queue = _Queue()
os.register_at_fork(after_in_child=_queue.forget)


class PBKDF2InTurn(PBKDF2PasswordHasher):
    """Django's default hasher with its name, so that all passwords there are stay valid."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        return _queue.run(super().encode, password, salt, iterations)


def is_hashing_busy() -> bool:
    """Whether so many passwords wait that one more would keep a thread for long."""
    return _queue.waiting >= MOST_WAITING


def _step_back() -> None:
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
