"""Connections over httpx2 (which the openai package uses), kept between calls."""

from __future__ import annotations

import os
import ssl
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from ttscache.providers.deadline import Deadline

if TYPE_CHECKING:
    import socket

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

    @contextmanager
    def call(self, first_byte_seconds: float, total_seconds: float) -> Iterator[Deadline]:
        """One call over this connection, which is shut when the deadline is over."""
        self._is_new = False
        with Deadline(first_byte_seconds, total_seconds) as deadline:
            self._deadline = deadline
            if self._socket is not None:
                deadline.connected(self._socket)
            try:
                yield deadline
            finally:
                self._deadline = None

    def was_closed(self, error: BaseException) -> bool:
        """Whether a call failed because the server had closed the connection since the last one.

        That may show only once the request is on its way: the connection ends without a byte of an answer
        (RFC 9112 section 9.3.1). On a new connection the same is trouble of the provider.
        """
        import httpx2

        closed = (httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError)
        return not self._is_new and isinstance(error.__cause__, closed)

    def _watch(self, request: Any) -> None:
        request.extensions["trace"] = self._trace

    def _trace(self, event: str, info: dict[str, Any]) -> None:
        """Where the connection begins, and where TLS wraps it."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._is_new = True
            connected: socket.socket = info["return_value"].get_extra_info("socket")
            self._socket = connected
            if self._deadline is not None:
                self._deadline.connected(connected)


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


@cache
def trusted_certificates() -> ssl.SSLContext:
    """Those that this machine trusts; reading them takes as long as some calls' first byte."""
    import httpx2

    return httpx2.create_ssl_context()
