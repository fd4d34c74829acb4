"""load(): requests one address of this machine repeatedly, from a separate process.

    python -m bench.load URL --bytes 59904 --sha256 ... --connections 16 --seconds 3

Each connection is kept alive and has one request at a time; one thread serves them all, because threads of
Python would wait for each other and so measure themselves. It checks the status and length of every answer,
and the bytes of the first one on each connection. Time and number of requests are limited.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median, quantiles
from urllib.parse import urlsplit

from harness.process import HOST, PROJECT, leashed

MOST_REQUESTS = 50_000  # of one connection
LONGEST_ANSWER_SECONDS = 30
LARGEST_ANSWER = 256 * 1024
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """The result. A latency runs from sending a request to its last byte."""

    requests: int
    seconds: float
    median_ms: float
    p95_ms: float
    p99_ms: float

    @property
    def requests_per_second(self) -> float:
        return self.requests / self.seconds


def load(
    url: str,
    body: bytes,
    *,
    connections: int,
    seconds: float,
    in_head: str = "",
    headers: Mapping[str, str] | None = None,
    post: object = None,
) -> Load:
    """Run the load. Raises RuntimeError if an answer is not `body` or its headers lack `in_head`.

    With `post`, every request is a POST with this content as JSON.
    """
    done = subprocess.run(
        leashed(
            [
                *(sys.executable, "-m", "bench.load", url),
                *("--connections", str(connections), "--seconds", str(seconds)),
                *("--sha256", hashlib.sha256(body).hexdigest(), "--bytes", str(len(body))),
                *("--in-head", in_head),
                *(part for line in (headers or {}).items() for part in ("--header", ": ".join(line))),
                *(() if post is None else ("--post", json.dumps(post))),
            ]
        ),
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds + LONGEST_ANSWER_SECONDS,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{url}\n{done.stderr}")
    return Load(**json.loads(done.stdout))


class KeptAliveConnection:
    """One kept-alive connection, read with little work, because client and server share the cores."""

    def __init__(self, url: str, headers: Sequence[str] = (), post: str = "") -> None:
        parts = urlsplit(url)
        if parts.hostname != HOST or parts.port is None:
            raise ValueError(f"load goes to {HOST} only, not to {url}")
        self.socket = socket.create_connection((HOST, parts.port), timeout=10)
        body = post.encode()
        own = ["Content-Type: application/json", f"Content-Length: {len(body)}"] if post else []
        method = "POST" if post else "GET"
        target = parts._replace(scheme="", netloc="").geturl()
        lines = [f"{method} {target} HTTP/1.1", f"Host: {parts.netloc}", *headers, *own, "", ""]
        self._request = "\r\n".join(lines).encode() + body
        self._buffer = bytearray(LARGEST_ANSWER)
        self._view = memoryview(self._buffer)
        self._have = self._body_from = self._end = 0

    def ask(self) -> None:
        """Send the request. The answer overwrites the one before."""
        self._have = self._body_from = self._end = 0
        self.socket.sendall(self._request)

    def is_whole(self) -> bool:
        """Receive what has come; returns whether that is the end of the answer."""
        received = self.socket.recv_into(self._view[self._have :])
        if received == 0:
            raise ConnectionError("the server closed the connection in mid-answer")
        self._have += received
        if not self._end and (end := self._buffer.find(b"\r\n\r\n", 0, self._have)) >= 0:
            self._body_from = end + 4
            length = _LENGTH.search(self.head)
            if length is None:
                raise ValueError(f"an answer without Content-Length: {self.head!r}")
            self._end = self._body_from + int(length[1])
        if self._end and self._have > self._end:
            raise ValueError(f"{self._have - self._end} bytes more than announced")
        return self._have == self._end

    @property
    def head(self) -> bytes:
        return bytes(self._view[: self._body_from])

    @property
    def body(self) -> memoryview:
        return self._view[self._body_from : self._end]


def main() -> None:
    parser = argparse.ArgumentParser(description="Load on one address of this machine.")
    parser.add_argument("url")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--sha256", required=True, help="of the body")
    parser.add_argument("--bytes", type=int, required=True, help="of the body")
    parser.add_argument("--in-head", default="", help="text that the headers of every answer must contain")
    parser.add_argument("--header", action="append", default=[], help="to send with every request")
    parser.add_argument("--post", default="", help="JSON to send as the body of every request")
    given = parser.parse_args()
    connections = [KeptAliveConnection(given.url, given.header, given.post) for _ in range(given.connections)]
    latencies, seconds = _ask_until_the_end(connections, given)
    shares = quantiles(latencies, n=100)
    answer = Load(
        requests=len(latencies),
        seconds=seconds,
        median_ms=median(latencies),
        p95_ms=shares[94],
        p99_ms=shares[98],
    )
    print(json.dumps(asdict(answer)))


def _ask_until_the_end(
    connections: Sequence[KeptAliveConnection], given: argparse.Namespace
) -> tuple[list[float], float]:
    """Return the latency of each answer in milliseconds, and the seconds that all took together."""
    selector = selectors.DefaultSelector()
    sent_at: dict[KeptAliveConnection, float] = {}
    answers = dict.fromkeys(connections, 0)
    latencies: list[float] = []
    began = now = time.perf_counter()
    for connection in connections:
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        sent_at[connection] = time.perf_counter()
        connection.ask()
    while sent_at:
        ready = selector.select(LONGEST_ANSWER_SECONDS)
        if not ready:
            raise TimeoutError(f"no byte for {LONGEST_ANSWER_SECONDS} s")
        for key, _ in ready:
            connection = key.data
            if not connection.is_whole():
                continue
            now = time.perf_counter()
            latencies.append((now - sent_at[connection]) * 1_000)
            answers[connection] += 1
            _check(connection, given, is_first=answers[connection] == 1)
            if now - began < given.seconds and answers[connection] < MOST_REQUESTS:
                sent_at[connection] = time.perf_counter()
                connection.ask()
            else:
                del sent_at[connection]
                selector.unregister(connection.socket)
                connection.socket.close()
    return latencies, now - began


def _check(connection: KeptAliveConnection, given: argparse.Namespace, *, is_first: bool) -> None:
    head, body = connection.head, connection.body
    is_good = (
        head.startswith(b"HTTP/1.1 200 ")
        and given.in_head.encode() in head
        and len(body) == given.bytes
        and (not is_first or hashlib.sha256(body).hexdigest() == given.sha256)
    )
    if not is_good:
        raise ValueError(f"not the expected answer: {head!r} and {len(body)} bytes")


if __name__ == "__main__":
    main()
