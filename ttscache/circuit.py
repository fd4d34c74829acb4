"""Circuit: after a run of failures nobody calls the provider, until a look at it finds it well again.

Nygard, "Release It!" (circuit breaker). Speech is paid for, so it is never the probe: a look costs nothing.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable

from ttscache.errors import BrokenAudio, ProviderDown, ProviderError, SpeechError

logger = logging.getLogger(__name__)

FAILURES_IN_A_ROW = 5
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 15.0


class Circuit:
    """Of one process. Thread-safe; `look` is called by one thread at a time and says whether all is well."""

    def __init__(self, look: Callable[[], bool], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._look = look
        self._clock = clock
        self._lock = threading.Lock()
        self._looking = threading.Lock()
        self._failures = 0
        self._pause_seconds = 0.0
        self._next_look_at = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the provider is held to be down."""
        return self._failures >= FAILURES_IN_A_ROW

    def check(self) -> None:
        """Return when a call may be made. Raises ProviderDown, with the seconds until the next look."""
        if not self.is_open:
            return
        if self._clock() >= self._next_look_at and self._looking.acquire(blocking=False):
            try:
                if self._is_well_again():
                    return
            finally:
                self._looking.release()
        if self.is_open:
            raise ProviderDown(retry_after_seconds=max(1, math.ceil(self._next_look_at - self._clock())))

    def succeeded(self) -> None:
        with self._lock:
            if self._pause_seconds:
                logger.warning("The speech provider works again.")
            self._failures = 0
            self._pause_seconds = 0.0

    def failed(self, error: SpeechError) -> None:
        """Count what tells of the provider as a whole; a clip that came out broken does not."""
        if not isinstance(error, ProviderError) or isinstance(error, BrokenAudio):
            return
        with self._lock:
            self._failures += 1
            if self._failures == FAILURES_IN_A_ROW:
                self._open()

    def _is_well_again(self) -> bool:
        if not self.is_open:
            return True  # somebody else has just found out
        is_well = self._look()
        with self._lock:
            if is_well:
                self._failures = FAILURES_IN_A_ROW - 1  # the next failure is one too many
            else:
                self._open()
        return is_well

    def _open(self) -> None:
        """Stop the calls; the first look may come at once, and each one after it later than the last."""
        if not self._pause_seconds:
            logger.error("The speech provider fails again and again; no more calls until it is well.")
            self._next_look_at = self._clock()
            self._pause_seconds = FIRST_PAUSE_SECONDS
            return
        self._next_look_at = self._clock() + self._pause_seconds
        self._pause_seconds = min(2 * self._pause_seconds, LONGEST_PAUSE_SECONDS)
