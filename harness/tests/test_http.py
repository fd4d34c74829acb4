from __future__ import annotations

import socket
import threading

import pytest

from harness.http import BrokenTransfer, at_once, get, request, stream


def url_that_replies(reply: bytes) -> str:
    """Start a server that sends this reply to one client and closes; return its URL."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        with listener, listener.accept()[0] as connection:
            connection.recv(65_536)
            connection.sendall(reply)

    threading.Thread(target=answer, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}/"


WHOLE = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nclip",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\ncl\r\n2\r\nip\r\n0\r\n\r\n",
]
BROKEN = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nclip",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nclip\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nclip",
    b"HTTP/1.1 200 OK\r\n\r\nclip",
]


@pytest.mark.parametrize("reply", WHOLE)
def test_http_client_reads_a_whole_body(reply: bytes) -> None:
    assert get(url_that_replies(reply)).body == b"clip"


@pytest.mark.parametrize("reply", BROKEN)
def test_http_client_reports_a_body_without_its_end(reply: bytes) -> None:
    pieces = stream(url_that_replies(reply))
    with pytest.raises(BrokenTransfer):
        list(pieces)


def test_http_client_reads_no_body_after_head() -> None:
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
    assert request("HEAD", url_that_replies(reply)).headers["Content-Length"] == "9"


def test_concurrent_http_calls_start_together_and_keep_their_order() -> None:
    meeting = threading.Barrier(3, timeout=60)

    def call(index: int) -> int:
        meeting.wait()
        if index == 1:
            raise ValueError("second")
        return index

    first, second, third = at_once(3, call)
    assert (first, third) == (0, 2)
    assert isinstance(second, ValueError)
