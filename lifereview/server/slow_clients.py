"""The class of gunicorn's workers, which keeps slow clients from holding all threads.

gunicorn gives each connection a thread, which waits for its client without a limit. As many slow clients as
there are threads would then stop the site. nginx in front keeps such clients away (deploy/nginx.conf); this
is for a site without it, and for clips that nginx passes on while they are made.
"""

from __future__ import annotations

import errno
import select
import socket
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ
from typing import TYPE_CHECKING, Any

from lifereview.server.fair_share import FairShareWorker

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

HEAD_SECONDS = 15.0  # from the connection, or the first byte of a further request, to the end of the head
MOST_HEAD_BYTES = 65_536  # a longer head gets a thread, in which gunicorn reads or refuses it
LINGER_SECONDS = 2.0  # how long a client may take to close after the last answer
# A thread waits this long for a client that sends and reads nothing. Each byte that moves earns the client a
# bit of time back, at a quarter of the rate at which a clip plays.
PATIENCE_SECONDS = 30.0
LEAST_BYTES_PER_SECOND = 4_096
END_OF_HEAD = b"\r\n\r\n"


class ClientSocket(socket.socket):
    """A connection that is cut if its client takes too long to send or to read.

    A timeout for each call is not enough: a client that moves a byte now and then never reaches it. So the
    seconds of waiting are taken from `patience`, and each byte gives a small part of a second back.
    """

    head = b""  # what has come of a request that has no thread yet
    most_patience = PATIENCE_SECONDS
    patience = PATIENCE_SECONDS
    least_bytes_per_second = LEAST_BYTES_PER_SECOND

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        if self.gettimeout() is not None:  # gunicorn limits this wait by itself
            return super().recv(size, flags)
        while True:
            with suppress(BlockingIOError):
                data = super().recv(size, flags | socket.MSG_DONTWAIT)
                self._earn(len(data))
                return data
            self._wait_for(select.POLLIN)

    def sendall(self, data: ReadableBuffer, flags: int = 0, /) -> None:
        if self.gettimeout() is not None:
            super().sendall(data, flags)
            return
        rest = memoryview(data)
        while rest:
            with suppress(BlockingIOError):
                sent = super().send(rest, flags | socket.MSG_DONTWAIT)
                self._earn(sent)
                rest = rest[sent:]
                continue
            self._wait_for(select.POLLOUT)

    def _earn(self, size: int) -> None:
        self.patience = min(self.most_patience, self.patience + size / self.least_bytes_per_second)

    def _wait_for(self, event: int) -> None:
        """Wait as long as there is patience, and then raise an error as if the client had left."""
        began = time.monotonic()
        poll = select.poll()
        poll.register(self, event)
        is_ready = poll.poll(1_000 * self.patience)
        self.patience = max(0.0, self.patience - (time.monotonic() - began))
        if not is_ready:
            # gunicorn logs nothing where the number is this one.
            raise ConnectionResetError(errno.ECONNRESET, "The client is too slow.")


class HeadFirstWorker(FairShareWorker):
    """Reads the heads of requests in its main loop, and gives threads to whole ones only."""

    socket_class = ClientSocket

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._closing: deque[Any] = deque()  # connections that have got all, and are still open at their end

    def enqueue_req(self, conn: Any) -> None:
        """Take a new connection, or one with a further request."""
        if not isinstance(conn.sock, ClientSocket):
            conn.sock = self.socket_class(fileno=conn.sock.detach())
        if conn.parser is not None and conn.parser.unreader.buf.getvalue():
            super().enqueue_req(conn)  # a part of the next request has been read with the last one
            return
        conn.sock.setblocking(False)
        if self._has_head(conn):
            super().enqueue_req(conn)
        else:
            self._watch(conn, self.pending_conns, HEAD_SECONDS, self._read_head)

    def handle(self, conn: Any) -> Any:
        """Answer a request, in a thread."""
        conn.init()
        conn.parser.unreader.unread(conn.sock.head)
        conn.sock.head = b""
        conn.sock.patience = conn.sock.most_patience
        return super().handle(conn)

    def finish_request(self, conn: Any, done: Future[Any]) -> None:
        """Keep a connection for its next request, or close it once its client has done so.

        gunicorn waits for that in the main loop, for two seconds, in which no other client is answered.
        """
        is_kept = not done.cancelled() and done.exception() is None and done.result()
        if is_kept or not self.alive:
            super().finish_request(conn, done)
            return
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:  # the client is gone
            self.nr_conns -= 1
            conn.close()
            return
        self._watch(conn, self._closing, LINGER_SECONDS, self._read_rest)

    def murder_pending(self) -> None:
        """Close all connections whose time is over."""
        super().murder_pending()
        while self._closing and self._closing[0].timeout <= time.monotonic():
            self._drop(self._closing[0])

    def _watch(
        self, conn: Any, among: deque[Any], seconds: float, reads: Callable[[Any, ClientSocket], None]
    ) -> None:
        """Call `reads` in the main loop when something comes; the connection takes no thread meanwhile."""
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + seconds
        among.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(reads, conn))

    def _has_head(self, conn: Any) -> bool:
        """Read what has come. A thread also takes a client that has left, and one whose head is too long."""
        try:
            data = conn.sock.recv(MOST_HEAD_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        conn.sock.head += data
        return not data or END_OF_HEAD in conn.sock.head or len(conn.sock.head) >= MOST_HEAD_BYTES

    def _read_head(self, conn: Any, client: ClientSocket) -> None:
        if self._has_head(conn):
            self.poller.unregister(client)
            self.pending_conns.remove(conn)
            super().enqueue_req(conn)

    def _read_rest(self, conn: Any, client: ClientSocket) -> None:
        """Throw away what comes after the answer.

        Closing a socket with unread bytes resets the connection, and the client may lose the end of the
        answer (RFC 9112, section 9.6).
        """
        try:
            is_there = bool(client.recv(MOST_HEAD_BYTES))
        except BlockingIOError:
            is_there = True
        except OSError:
            is_there = False
        if not is_there:
            self._drop(conn)

    def _drop(self, conn: Any) -> None:
        self._closing.remove(conn)
        self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()

    def _cap_keepalive(self, deadline: float) -> None:
        """Wait no longer for clients that have sent nothing yet when the worker stops."""
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)
