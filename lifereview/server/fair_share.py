"""A class of gunicorn's workers that share new connections evenly.

All processes accept from one socket, and the one that wakes first would take a whole crowd: its threads would
be used up, and requests be refused, while another process has threads to spare.
"""

from __future__ import annotations

import mmap
import struct
import time
from typing import Any

from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

HEAD_START = 4  # a process takes a connection while it has at most so many more than another
PAUSE_SECONDS = 0.001  # how long it leaves the next connection to the others
MOST_PAUSES_SECONDS = 0.05  # then it takes one itself: the others may be busy, or about to end
FRESH_SECONDS = 2.0  # gunicorn's loop turns once a second at least; an older count is that of a dead process


class Counts:
    """The connections of each process, in memory that is shared with processes forked later."""

    _SLOTS = 64
    _SLOT = struct.Struct("dq")  # when it was written, by the monotonic clock, and the number

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, self._SLOTS * self._SLOT.size)

    def write(self, process: int, count: int) -> None:
        self._SLOT.pack_into(self._memory, process % self._SLOTS * self._SLOT.size, time.monotonic(), count)

    def least_of_others(self, process: int) -> int | None:
        """The lowest count of another living process, or None if this one is alone."""
        oldest, own = time.monotonic() - FRESH_SECONDS, process % self._SLOTS
        slots = enumerate(self._SLOT.iter_unpack(self._memory))
        return min((count for slot, (at, count) in slots if at > oldest and slot != own), default=None)


class FairShareWorker(ThreadWorker):  # type: ignore[misc]
    """Leaves a new connection to another process for a moment if that has fewer."""

    counts = Counts()  # made when gunicorn's master loads this class, before it forks

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._accepts_again_at = 0.0
        self._has_left_since: float | None = None  # when it began to leave connections to the others

    def notify(self) -> None:
        """Tell the others the number of connections; gunicorn calls this in each turn of its loop."""
        super().notify()
        self.counts.write(self.age, self._connections_in_use())

    def accept(self, listener: Any) -> None:
        if self._has_more_than_its_share():
            now = time.monotonic()
            self._has_left_since = self._has_left_since or now
            if now < self._has_left_since + MOST_PAUSES_SECONDS:
                self._accepts_again_at = now + PAUSE_SECONDS
                self.set_accept_enabled(False)
                return
        self._has_left_since = None
        super().accept(listener)
        self.counts.write(self.age, self._connections_in_use())

    def set_accept_enabled(self, enabled: bool) -> None:
        if not enabled or time.monotonic() >= self._accepts_again_at:
            super().set_accept_enabled(enabled)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        pause = self._accepts_again_at - time.monotonic()
        super().wait_for_and_dispatch_events(min(timeout, pause) if pause > 0 else timeout)

    def _has_more_than_its_share(self) -> bool:
        in_use = self._connections_in_use()
        if in_use <= HEAD_START:  # look at the others only if it matters, as that takes time
            return False
        least = self.counts.least_of_others(self.age)
        return least is not None and in_use > least + HEAD_START

    def _connections_in_use(self) -> int:
        return int(self.nr_conns) - len(self.keepalived_conns)
