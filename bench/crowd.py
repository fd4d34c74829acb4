"""ask_at_once(): one thread sends the same POST over many new connections and reads all answers."""

from __future__ import annotations

import hashlib
import json
import selectors
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

LONGEST_SILENCE_SECONDS = 60
_PIECE = 256 * 1024


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer: when its last byte came, after the first request was sent, and what it was."""

    milliseconds: float
    status: int
    body_sha256: str


def ask_at_once(url: str, content: object, headers: Mapping[str, str], count: int) -> list[Answered]:
    """Return the answers in the order of their ends. Threads would wait for each other, so there is one."""
    parts = urlsplit(url)
    body = json.dumps(content).encode()
    own = {"Host": parts.netloc, "Content-Type": "application/json", "Content-Length": str(len(body))}
    lines = [f"{name}: {value}" for name, value in {**own, **headers, "Connection": "close"}.items()]
    request = "\r\n".join([f"POST {parts.path} HTTP/1.1", *lines, "", ""]).encode() + body
    assert parts.hostname is not None
    connections = [
        socket.create_connection((parts.hostname, parts.port or 80), timeout=LONGEST_SILENCE_SECONDS)
        for _ in range(count)
    ]
    selector = selectors.DefaultSelector()
    received = {connection: bytearray() for connection in connections}
    began = time.perf_counter()
    for connection in connections:
        connection.sendall(request)
        selector.register(connection, selectors.EVENT_READ)
    answers: list[Answered] = []
    while len(answers) < count:
        ready = selector.select(LONGEST_SILENCE_SECONDS)
        if not ready:
            raise TimeoutError(f"no byte for {LONGEST_SILENCE_SECONDS} s")
        for key, _ in ready:
            readable = key.fileobj
            assert isinstance(readable, socket.socket)
            piece = readable.recv(_PIECE)
            received[readable] += piece
            if not piece:
                took = (time.perf_counter() - began) * 1_000
                selector.unregister(readable)
                readable.close()
                answers.append(_answer(took, bytes(received[readable])))
    return answers


def _answer(milliseconds: float, answer: bytes) -> Answered:
    head, _, body = answer.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" in head.lower():
        body = _joined(body)
    return Answered(milliseconds, int(head.split(b" ", 2)[1]), hashlib.sha256(body).hexdigest())


def _joined(chunked: bytes) -> bytes:
    """Return the body of chunks. Raises ConnectionError if the last one is missing."""
    pieces: list[bytes] = []
    at = 0
    while True:
        line, _, _ = chunked[at : at + 20].partition(b"\r\n")
        if not line:
            raise ConnectionError("an answer was cut")
        size = int(line, 16)
        if size == 0:
            return b"".join(pieces)
        start = at + len(line) + 2
        pieces.append(chunked[start : start + size])
        at = start + size + 2
