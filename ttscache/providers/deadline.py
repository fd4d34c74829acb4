"""Deadline: ends a provider call in time by shutting its socket."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import Self

from ttscache.errors import ProviderTimeout


class Deadline:
    """Shuts the socket of a call that takes too long, also while it waits for headers.

    A timeout for each read is not enough: a server that sends a byte now and then never reaches it. Call
    `connected` with the socket when you open or reuse a connection for the call.
    """

    def __init__(self, first_byte_seconds: float, total_seconds: float) -> None:
        now = time.monotonic()
        self._first_byte_at = now + first_byte_seconds
        self._end_at = now + total_seconds
        self._timer: threading.Timer | None = None
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self._has_ended = False
        self.has_sound = False  # the first byte has come
        self.is_over = False

    def __enter__(self) -> Self:
        self._start(self._first_byte_at)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        with self._lock:  # a timer that fires now must not shut the connection of the next call
            self._has_ended = True
            self._socket = None

    def connected(self, connection: socket.socket) -> None:
        """Name the socket to shut when time is up. If it is up already, the socket is shut at once."""
        with self._lock:
            self._socket = connection
            if self.is_over:
                self._shut()

    def sound_came(self) -> None:
        """Note the first byte: from now on only the end of the call is limited."""
        if not self.has_sound:
            self.has_sound = True
            self._stop()
            self._start(self._end_at)

    def check(self) -> None:
        """Raise ProviderTimeout if the body ended because this deadline shut the socket."""
        if self.is_over:
            raise ProviderTimeout

    def _start(self, at: float) -> None:
        self._timer = threading.Timer(max(0.0, at - time.monotonic()), self._cut)
        self._timer.daemon = True
        self._timer.start()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _cut(self) -> None:
        with self._lock:
            if not self._has_ended:
                self.is_over = True
                self._shut()

    def _shut(self) -> None:
        """Shut the socket down, which wakes a thread that reads from it; closing it would not."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
