"""Keeps connections between calls, over httpx2, which the openai package uses."""

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

KEPT_SECONDS = 60.0  # if the server closes it earlier, the next call notices
MOST_IDLE = 16


class Connection:
    """A client with one connection, for one call at a time.

    A client with many connections does not tell which socket a call uses before the headers have come. The
    deadline needs the socket earlier, to cut off a server that sends its headers byte by byte.
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
        """Make one call over this connection; it is shut when the deadline passes."""
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
        """Whether a call failed because the server had closed the connection since the last call.

        It may show only after the request is sent: the connection ends without a byte of an answer (RFC 9112,
        section 9.3.1). On a new connection that is a failure of the provider.
        """
        import httpx2

        closed = (httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError)
        return not self._is_new and isinstance(error.__cause__, closed)

    def _watch(self, request: Any) -> None:
        request.extensions["trace"] = self._trace

    def _trace(self, event: str, info: dict[str, Any]) -> None:
        """Note the socket when the connection begins, and again when TLS wraps it."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._is_new = True
            connected: socket.socket = info["return_value"].get_extra_info("socket")
            self._socket = connected
            if self._deadline is not None:
                self._deadline.connected(connected)


class Connections:
    """Idle connections of this process. A forked child opens its own: two processes must not share one."""

    def __init__(self, client_with: Callable[..., OpenAI]) -> None:
        self._client_with = client_with
        self._idle: dict[int, deque[Connection]] = {}  # by process; dict and deque need no lock here

    @contextmanager
    def borrowed(self) -> Iterator[Connection]:
        """Lend the connection that was used last, or a new one."""
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


def openai_client(api_key: str, base_url: str, **how: Any) -> OpenAI:
    """A client for this address, or for OpenAI's own if it is empty. `how` goes to its HTTP client.

    No retries in the library: our callers retry, so that each call is recorded and paid for.
    """
    from openai import DefaultHttpx2Client, OpenAI

    return OpenAI(
        api_key=api_key,
        base_url=base_url or None,
        max_retries=0,
        http_client=DefaultHttpx2Client(verify=trusted_certificates(), **how),
    )


@cache
def trusted_certificates() -> ssl.SSLContext:
    """The certificates that this machine trusts. Reading them takes as long as some calls' first byte."""
    import httpx2

    return httpx2.create_ssl_context()
