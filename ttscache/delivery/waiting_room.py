"""Limits how many threads of this process wait for clips that are being made."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import cache

from ttscache.conf import conf
from ttscache.errors import Busy


class WaitingRoom:
    """A number of places for waiting threads. The other threads of the process stay free for hits."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._lock = threading.Lock()
        self.taken = 0

    def wait_until_empty(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while self.taken and time.monotonic() < end:
            time.sleep(0.01)

    def enter(self) -> Callable[[], None]:
        """Take a place, and return the function that frees it. Raises Busy if all are taken."""
        with self._lock:
            if self.taken >= self._places:
                raise Busy
            self.taken += 1
        return self._leave

    def _leave(self) -> None:
        with self._lock:
            self.taken -= 1


@cache
def waiting_room() -> WaitingRoom:
    return WaitingRoom(conf().waiting_threads)
