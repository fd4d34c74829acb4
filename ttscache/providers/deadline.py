"""Deadline: ends one call over httpx2 (which the openai package uses) in time, whatever it waits for."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, Self

from ttscache.errors import ProviderTimeout


class Deadline:
    """Shuts the connection of a call that takes too long, in its headers as well as in its body: what drips
    never runs into a timeout for each read."""

    def __init__(self, first_byte_seconds: float, total_seconds: float) -> None:
        now = time.monotonic()
        self._first_byte_at = now + first_byte_seconds
        self._end_at = now + total_seconds
        self._timer: threading.Timer | None = None
        self._connection: socket.socket | None = None
        self._has_sound = False
        self.is_over = False

    def __enter__(self) -> Self:
        _deadline.set(self)
        self._start(self._first_byte_at)
        return self

    def __exit__(self, *_: object) -> None:
        _deadline.set(None)
        self._stop()

    def watch(self, event: str, info: dict[str, Any]) -> None:
        """A trace of httpx2: where the connection begins, and where TLS wraps it."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self.connected(info["return_value"].get_extra_info("socket"))

    def connected(self, connection: socket.socket) -> None:
        """What is to be shut when time is up; at once, where it is up already."""
        self._connection = connection
        if self.is_over:
            self._cut()

    def sound_came(self) -> None:
        """From the first byte on, only the end of the call is bounded."""
        if not self._has_sound:
            self._has_sound = True
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
        self.is_over = True
        if self._connection is not None:
            with suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)


# The call that this thread is making; the client library lets nothing else through to its requests.
_deadline: ContextVar[Deadline | None] = ContextVar("_deadline", default=None)


def watch_connection(request: Any) -> None:
    deadline = _deadline.get()
    if deadline is not None:
        request.extensions["trace"] = deadline.watch
