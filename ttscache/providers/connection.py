"""Connections over httpx2 (which the openai package uses): kept between calls, shut when a call is late."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Self

from ttscache.errors import ProviderTimeout

if TYPE_CHECKING:
    from openai import OpenAI

KEPT_SECONDS = 60.0  # a server that closes it earlier is noticed when it is next used
MOST_IDLE = 16


class Connection:
    """A client of one connection, for one call at a time.

    With a client of many connections nobody could tell which socket belongs to a call before its headers have
    come, and what drips in its headers is to be cut off as well.
    """

    def __init__(self, client_with: Callable[..., OpenAI]) -> None:
        import httpx2

        limits = httpx2.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=KEPT_SECONDS)
        self.client = client_with(limits=limits, event_hooks={"request": [self._watch]})
        self._deadline: Deadline | None = None
        self._socket: socket.socket | None = None
        self._is_new = False

    def begin(self, deadline: Deadline | None) -> None:
        """A call begins, or with None ends."""
        self._deadline = deadline
        self._is_new = False

    def was_closed(self, error: BaseException) -> bool:
        """Whether a call failed because the server had closed the connection since the last one.

        That may show only once the request is on its way: the connection ends without a byte of an answer
        (RFC 9112 section 9.3.1). On a new connection the same is trouble of the provider.
        """
        import httpx2

        closed = (httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError)
        return not self._is_new and isinstance(error.__cause__, closed)

    def shut(self) -> None:
        """Whoever reads from it learns at once that it has ended."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def _watch(self, request: Any) -> None:
        request.extensions["trace"] = self._trace

    def _trace(self, event: str, info: dict[str, Any]) -> None:
        """Where the connection begins, and where TLS wraps it."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._is_new = True
            self._socket = info["return_value"].get_extra_info("socket")
            if self._deadline is not None and self._deadline.is_over:
                self.shut()


class Connections:
    """Idle connections of this process. A forked child makes its own: two may not talk over one."""

    def __init__(self, client_with: Callable[..., OpenAI]) -> None:
        self._client_with = client_with
        self._idle: dict[int, deque[Connection]] = {}  # by process; both are safe without a lock

    @contextmanager
    def borrowed(self) -> Iterator[Connection]:
        """The connection that was used last, or a new one."""
        idle = self._idle.setdefault(os.getpid(), deque())
        try:
            connection = idle.pop()
        except IndexError:
            connection = Connection(self._client_with)
        try:
            yield connection
        finally:
            if len(idle) < MOST_IDLE:
                idle.append(connection)
            else:
                connection.client.close()


class Deadline:
    """Shuts the connection of a call that takes too long, in its headers as well as in its body: what drips
    never runs into a timeout for each read."""

    def __init__(self, connection: Connection, first_byte_seconds: float, total_seconds: float) -> None:
        now = time.monotonic()
        self._first_byte_at = now + first_byte_seconds
        self._end_at = now + total_seconds
        self._timer: threading.Timer | None = None
        self._connection: Connection | None = connection
        self._lock = threading.Lock()
        self._has_sound = False
        self.is_over = False

    def __enter__(self) -> Self:
        assert self._connection is not None
        self._connection.begin(self)
        self._start(self._first_byte_at)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        with self._lock:  # a timer that goes off this moment must not shut the connection of the next call
            if self._connection is not None:
                self._connection.begin(None)
            self._connection = None

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
        with self._lock:
            if self._connection is not None:
                self.is_over = True
                self._connection.shut()
