"""CircuitBreaker: after several failures in a row, stops provider calls until a probe succeeds.

The pattern is Nygard's ("Release It!"). The probe is a free look, because speech costs money.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ttscache.errors import (
    BrokenAudio,
    ConnectionClosed,
    KeyRefused,
    ProviderDown,
    ProviderError,
    Reworded,
    TextRefused,
)

logger = logging.getLogger(__name__)

FAILURES_IN_A_ROW = 5
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 15.0


class CircuitBreaker:
    """Guards the provider calls of one process. Thread-safe.

    `look` is the probe. One caller at a time looks and then calls the provider; the others wait for its
    success. Broken and reworded clips are counted by text, because one bad text says nothing about the
    provider. A retired model never counts.
    """

    def __init__(
        self,
        look: Callable[[], bool],
        *,
        name: str = "speech provider",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look = look
        self._name = name
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._broken: set[int] = set()  # hashes of texts; Python salts them, so they reveal nothing elsewhere
        self._is_trying = False
        self._pause_seconds = 0.0
        self._next_trial_at = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the provider is considered down."""
        return max(self._failures, len(self._broken)) >= FAILURES_IN_A_ROW

    @contextmanager
    def call(self) -> Iterator[None]:
        """Wrap each call. Raises ProviderDown, with the seconds until the next trial, if none may be made."""
        is_trial = self._admit()
        try:
            yield
        except BaseException as error:
            with self._lock:
                self._is_trying = self._is_trying and not is_trial
            if isinstance(error, TextRefused):  # the provider works: it answered
                self._close()
            elif not isinstance(error, BrokenAudio | Reworded):  # the next try may come out well
                self.count(error)
            raise
        self._close()

    def check(self) -> None:
        """Raise ProviderDown if a call would not be let through now."""
        with self._lock:
            self._check()

    def count(self, error: BaseException) -> None:
        """Count an error if it concerns the provider as a whole, not one text, voice or model."""
        if not isinstance(error, ProviderError) or isinstance(error, ProviderDown | ConnectionClosed):
            return
        if not error.is_retryable and not isinstance(error, KeyRefused):
            return
        with self._noting():
            self._failures += 1

    def count_broken(self, text: str) -> None:
        """Count a text that gave no usable clip in any attempt."""
        with self._noting():
            if len(self._broken) < FAILURES_IN_A_ROW:  # more would only fill the memory of a long outage
                self._broken.add(hash(text))

    @contextmanager
    def _noting(self) -> Iterator[None]:
        with self._lock:
            was_open = self.is_open
            yield
            if self.is_open and not was_open:
                logger.error("The %s keeps failing: no more calls until it works again.", self._name)
            if self.is_open and self._clock() >= self._next_trial_at:
                self._postpone_trial()

    def _check(self) -> None:
        if self.is_open and (self._is_trying or self._clock() < self._next_trial_at):
            raise self._down()

    def _admit(self) -> bool:
        """Whether this call is the trial."""
        with self._lock:
            if not self.is_open:
                return False
            self._check()
            self._is_trying = True
        is_well = False
        try:
            is_well = self._look()
        finally:
            if not is_well:
                with self._lock:
                    self._is_trying = False
                    self._postpone_trial()
        if not is_well:
            raise self._down()
        return True

    def _close(self) -> None:
        with self._lock:
            if self.is_open:
                logger.warning("The %s works again.", self._name)
            self._failures = 0
            self._broken.clear()
            self._is_trying = False
            self._pause_seconds = 0.0

    def _postpone_trial(self) -> None:
        """Allow the first trial at once, and double the pause before each later one."""
        self._next_trial_at = self._clock() + self._pause_seconds
        self._pause_seconds = min(max(2 * self._pause_seconds, FIRST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)

    def _down(self) -> ProviderDown:
        return ProviderDown(retry_after_seconds=max(1, math.ceil(self._next_trial_at - self._clock())))
