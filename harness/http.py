"""A small HTTP client that tells when each piece arrives and whether the body ended properly."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")
Headers = Mapping[str, str]

PIECE_BYTES = 65_536


class BrokenTransfer(Exception):
    """The connection ended before the body did."""


@dataclass(frozen=True)
class Response:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Stream:
    """A response whose body is read as it arrives; yields (time.monotonic(), bytes).

    Raises BrokenTransfer if the body ends without its final chunk or before its Content-Length.
    """

    def __init__(self, connection: http.client.HTTPConnection, method: str) -> None:
        self._connection = connection
        self._response = connection.getresponse()
        self._may_have_no_length = method == "HEAD" or self._response.status in (204, 304)
        self.status = self._response.status
        self.headers = self._response.headers

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[tuple[float, bytes]]:
        while piece := self._read():
            yield time.monotonic(), piece
        self._check_end()

    def close(self) -> None:
        """Close the connection, whether or not the body is complete."""
        self._response.close()
        self._connection.close()

    def _read(self) -> bytes:
        try:
            return self._response.read1(PIECE_BYTES)
        except (http.client.IncompleteRead, ConnectionError) as error:
            raise BrokenTransfer(str(error) or "cut in a chunk") from error

    def _check_end(self) -> None:
        if self._response.chunked or self._may_have_no_length:
            return  # http.client itself insists on the final chunk
        if "Content-Length" not in self.headers:
            raise BrokenTransfer("ended by closing the connection, so it may be cut")
        if self._response.length:
            raise BrokenTransfer(f"{self._response.length} bytes short of its Content-Length")


def stream(
    url: str,
    *,
    method: str = "GET",
    headers: Headers | None = None,
    body: bytes | Iterable[bytes] | None = None,
    timeout_seconds: float = 30,
) -> Stream:
    """Send the request and return when the headers have arrived. Does not follow redirects.

    A body given as an iterable is sent in chunks, without a Content-Length.
    """
    parts = urlsplit(url)
    assert parts.hostname is not None
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=timeout_seconds)
    target = parts._replace(scheme="", netloc="", path=parts.path or "/", fragment="").geturl()
    try:
        connection.request(method, target, body, dict(headers or {}))
        return Stream(connection, method)
    except BaseException:
        connection.close()
        raise


def request(
    method: str,
    url: str,
    headers: Headers | None = None,
    body: bytes | Iterable[bytes] | None = None,
    timeout_seconds: float = 30,
) -> Response:
    """Return the whole response, whatever its status. Raises BrokenTransfer if it is not whole."""
    with stream(url, method=method, headers=headers, body=body, timeout_seconds=timeout_seconds) as response:
        pieces = [piece for _, piece in response]
        return Response(response.status, response.headers, b"".join(pieces))


def get(url: str, headers: Headers | None = None, *, timeout_seconds: float = 30) -> Response:
    return request("GET", url, headers, timeout_seconds=timeout_seconds)


def post_json(
    url: str, content: object, headers: Headers | None = None, *, timeout_seconds: float = 30
) -> Response:
    return request("POST", url, json_headers(headers), json.dumps(content).encode(), timeout_seconds)


def stream_json(
    url: str, content: object, headers: Headers | None = None, *, timeout_seconds: float = 30
) -> Stream:
    """POST JSON and read the answer as it arrives."""
    return stream(
        url,
        method="POST",
        headers=json_headers(headers),
        body=json.dumps(content).encode(),
        timeout_seconds=timeout_seconds,
    )


def json_headers(headers: Headers | None = None) -> dict[str, str]:
    return {"Content-Type": "application/json", **(headers or {})}


def at_once(count: int, call: Callable[[int], T]) -> list[T | Exception]:
    """Run call(0), call(1), ... in threads released together; returns each result or exception in order."""
    barrier = threading.Barrier(count)

    def caught(index: int) -> T | Exception:
        barrier.wait()
        try:
            return call(index)
        except Exception as error:
            return error

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(caught, range(count)))
