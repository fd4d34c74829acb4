"""load(): requests one address of this machine repeatedly, from a separate process.

    python -m bench.load URL --bytes 59904 --sha256 ... --connections 16 --seconds 3

Each connection is kept alive and has one request at a time. It checks the status and length of every answer,
and the bytes of the first one on each connection. Time and number of requests are limited.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from statistics import median, quantiles
from urllib.parse import urlsplit

from harness.process import HOST, PROJECT, leashed

MOST_REQUESTS = 50_000  # of one connection
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
) -> Load:
    """Run the load. Raises RuntimeError if an answer is not `body` or its headers lack `in_head`."""
    done = subprocess.run(
        leashed(
            [
                *(sys.executable, "-m", "bench.load", url),
                *("--connections", str(connections), "--seconds", str(seconds)),
                *("--sha256", hashlib.sha256(body).hexdigest(), "--bytes", str(len(body))),
                *("--in-head", in_head),
                *(part for line in (headers or {}).items() for part in ("--header", ": ".join(line))),
            ]
        ),
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds + 30,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{url}\n{done.stderr}")
    return Load(**json.loads(done.stdout))


class Connection:
    """One kept-alive connection, read with little work, because client and server share the cores."""

    def __init__(self, url: str, headers: Sequence[str] = ()) -> None:
        parts = urlsplit(url)
        if parts.hostname != HOST or parts.port is None:
            raise ValueError(f"load goes to {HOST} only, not to {url}")
        self._socket = socket.create_connection((HOST, parts.port), timeout=10)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        lines = [f"GET {target} HTTP/1.1", f"Host: {parts.netloc}", *headers, "", ""]
        self._request = "\r\n".join(lines).encode()
        self._buffer = bytearray(LARGEST_ANSWER)
        self._view = memoryview(self._buffer)

    def ask(self) -> tuple[bytes, memoryview]:
        """Request once; returns head and body. The next call overwrites the body."""
        self._socket.sendall(self._request)
        have = self._receive(0)
        while (end := self._buffer.find(b"\r\n\r\n", 0, have)) < 0:
            have += self._receive(have)
        start = end + 4
        head = bytes(self._view[:start])
        length = _LENGTH.search(head)
        if length is None:
            raise ValueError(f"an answer without Content-Length: {head!r}")
        whole = start + int(length[1])
        while have < whole:
            have += self._receive(have)
        if have > whole:
            raise ValueError(f"{have - whole} bytes more than announced")
        return head, self._view[start:whole]

    def close(self) -> None:
        self._socket.close()

    def _receive(self, have: int) -> int:
        received = self._socket.recv_into(self._view[have:])
        if received == 0:
            raise ConnectionError("the server closed the connection in mid-answer")
        return received


def main() -> None:
    parser = argparse.ArgumentParser(description="Load on one address of this machine.")
    parser.add_argument("url")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--sha256", required=True, help="of the body")
    parser.add_argument("--bytes", type=int, required=True, help="of the body")
    parser.add_argument("--in-head", default="", help="text that the headers of every answer must contain")
    parser.add_argument("--header", action="append", default=[], help="to send with every request")
    given = parser.parse_args()
    connections = [Connection(given.url, given.header) for _ in range(given.connections)]
    released = threading.Barrier(given.connections)

    def ask_until_the_end(connection: Connection) -> tuple[float, float, list[float]]:
        released.wait()
        began = before = time.perf_counter()
        took: list[float] = []
        while before - began < given.seconds and len(took) < MOST_REQUESTS:
            head, body = connection.ask()
            now = time.perf_counter()
            took.append(now - before)
            _check(head, body, given, is_first=len(took) == 1)
            before = time.perf_counter()
        return began, before, took

    with ThreadPoolExecutor(given.connections) as threads:
        results = list(threads.map(ask_until_the_end, connections))
    for connection in connections:
        connection.close()
    latencies = [seconds * 1_000 for _, _, took in results for seconds in took]
    answer = Load(
        requests=len(latencies),
        seconds=max(end for _, end, _ in results) - min(began for began, _, _ in results),
        median_ms=median(latencies),
        p95_ms=quantiles(latencies, n=100)[94],
        p99_ms=quantiles(latencies, n=100)[98],
    )
    print(json.dumps(asdict(answer)))


def _check(head: bytes, body: memoryview, given: argparse.Namespace, *, is_first: bool) -> None:
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
