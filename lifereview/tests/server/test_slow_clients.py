"""Clients that are slow to send, to read or to leave hold no thread for long, and delay nobody."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass

import pytest

from harness import http
from harness.process import HOST, ServerProcess, free_port, is_listening
from lifereview.server.slow_clients import ClientSocket

pytestmark = pytest.mark.any_database

THREADS = 2
MORE_THAN_THREADS = 3 * THREADS
HEAD = b"POST /?3 HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\n"


@dataclass(frozen=True)
class HastyServer:
    port: int

    def ask(self, address: str = "/") -> http.Response:
        return http.get(f"http://{HOST}:{self.port}{address}", timeout_seconds=20)

    def connect(self, begin: bytes, receive_buffer: int = 0) -> socket.socket:
        client = socket.socket()
        if receive_buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.settimeout(20)
        client.connect((HOST, self.port))
        client.sendall(begin)
        return client


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HastyServer]:
    port = free_port()
    named = "harness.hasty_server"
    how = ["-w", "1", "--threads", str(THREADS), "-k", f"{named}.HastyWorker", "-b", f"{HOST}:{port}"]
    process = ServerProcess(
        [
            sys.executable,
            "-m",
            "gunicorn",
            "--no-control-socket",
            "--no-sendfile",
            *how,
            f"{named}:answer_as_many_bytes",
        ],
        log=tmp_path_factory.mktemp("hasty") / "log",
    )
    process.wait_until_ready(lambda: is_listening(port))
    yield HastyServer(port)
    process.kill()


@pytest.fixture
def held() -> Iterator[ExitStack]:
    """Connections that stay open until the end of the test."""
    with ExitStack() as held:
        yield held


def is_cut(client: socket.socket) -> bool:
    """Read to the end; whether it came before the whole answer."""
    got = b""
    with suppress(ConnectionError):
        while piece := client.recv(65_536):
            got += piece
    head, _, body = got.partition(b"\r\n\r\n")
    return f"Content-Length: {len(body)}".encode() not in head


def test_clients_that_send_half_a_head_hold_no_thread(server: HastyServer, held: ExitStack) -> None:
    for begin in (b"", b"GET / HTTP/1.1\r\nHost: he") * MORE_THAN_THREADS:
        held.enter_context(server.connect(begin))

    began = time.monotonic()
    assert server.ask().status == 200
    assert time.monotonic() - began < 10


def test_clients_that_stay_after_their_answer_delay_nobody(server: HastyServer, held: ExitStack) -> None:
    began = time.monotonic()
    for _ in range(10):
        client = held.enter_context(server.connect(b"GET / HTTP/1.0\r\n\r\n"))
        assert client.recv(15)
    assert time.monotonic() - began < 10  # gunicorn by itself would wait two seconds for each


def test_clients_that_send_a_body_byte_by_byte_are_cut(server: HastyServer, held: ExitStack) -> None:
    slow = [held.enter_context(server.connect(HEAD)) for _ in range(MORE_THAN_THREADS)]
    is_over = threading.Event()

    def trickle() -> None:
        while not is_over.wait(0.3):
            for client in slow:
                with suppress(OSError):
                    client.send(b".", socket.MSG_NOSIGNAL)

    trickling = threading.Thread(target=trickle)
    trickling.start()
    try:
        assert server.ask().status == 200
        assert is_cut(slow[0])
    finally:
        is_over.set()
        trickling.join()


def test_clients_that_read_nothing_are_cut(server: HastyServer, held: ExitStack) -> None:
    long = b"GET /?20000000 HTTP/1.1\r\nHost: here\r\n\r\n"
    slow = [held.enter_context(server.connect(long, 4_096)) for _ in range(MORE_THAN_THREADS)]

    assert server.ask().status == 200
    assert is_cut(slow[0])


def test_a_connection_is_used_for_further_requests_in_pieces_and_in_a_row(server: HastyServer) -> None:
    request = HEAD + b"123456789"
    with server.connect(b"") as client:
        for sent in (request, request[:20], request[20:60], request[60:], request + request):
            client.sendall(sent)
            time.sleep(0.05)
        client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        answers = b""
        while piece := client.recv(65_536):
            answers += piece
    assert answers.count(b"HTTP/1.1 200 OK") == 5


# --- the socket alone ------------------------------------------------------------------------------------
@pytest.fixture
def pair() -> Iterator[tuple[ClientSocket, socket.socket]]:
    """The two ends of a connection: the server's, which waits 0.3 s, and the client's."""
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    with ClientSocket(fileno=ours.detach()) as ours, theirs:
        ours.patience = ours.most_patience = 0.3
        ours.least_bytes_per_second = 10_000
        yield ours, theirs


def test_a_slow_client_that_keeps_reading_gets_everything(pair: tuple[ClientSocket, socket.socket]) -> None:
    ours, theirs = pair
    clip = bytes(range(250)) * 200
    got = b""

    def read() -> None:
        nonlocal got
        while len(got) < len(clip):
            time.sleep(0.02)
            got += theirs.recv(2_000)

    reader = threading.Thread(target=read)
    reader.start()
    ours.sendall(clip)
    reader.join()
    assert got == clip


def test_waiting_for_many_bytes_in_a_row_is_added_up(pair: tuple[ClientSocket, socket.socket]) -> None:
    ours, theirs = pair
    is_over = threading.Event()

    def trickle() -> None:
        while not is_over.wait(0.1):
            theirs.send(b".")

    sender = threading.Thread(target=trickle)
    sender.start()
    try:
        with pytest.raises(ConnectionResetError):
            for _ in range(100):
                ours.recv(100)
    finally:
        is_over.set()
        sender.join()


def test_a_timeout_that_gunicorn_sets_is_left_as_it_is(pair: tuple[ClientSocket, socket.socket]) -> None:
    ours, _ = pair
    ours.settimeout(0.5)
    with pytest.raises(TimeoutError):
        ours.recv(1)
    assert ours.gettimeout() == 0.5
