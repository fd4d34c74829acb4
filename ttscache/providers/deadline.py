"""Deadline: ends one call in time, whatever it waits for."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import Self

from ttscache.errors import ProviderTimeout


class Deadline:
    """Shuts the socket of a call that takes too long, in its headers as well as in its body: what drips never
    runs into a timeout for each read.

    Whoever opens or reuses a connection for the call names its socket with `connected`.
    """

    def __init__(self, first_byte_seconds: float, total_seconds: float) -> None:
        now = time.monotonic()
        self._first_byte_at = now + first_byte_seconds
        self._end_at = now + total_seconds
        self._timer: threading.Timer | None = None
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self._has_ended = False
        self.has_sound = False  # whether a byte of it has come
        self.is_over = False

    def __enter__(self) -> Self:
        self._start(self._first_byte_at)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        with self._lock:  # a timer that goes off this moment must not shut the connection of the next call
            self._has_ended = True
            self._socket = None

    def connected(self, connection: socket.socket) -> None:
        """The socket that is shut when time is up; at once, where it is up already."""
        with self._lock:
            self._socket = connection
            if self.is_over:
                self._shut()

    def sound_came(self) -> None:
        """From the first byte on, only the end of the call is bounded."""
        if not self.has_sound:
            self.has_sound = True
            self._stop()
            self._start(self._end_at)

    def check(self) -> None:
        """Raises ProviderTimeout where the end of the body was our own doing."""
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
        """Whoever reads from it learns at once that it has ended."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
