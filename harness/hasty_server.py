"""A small web server with the product's class of workers, which loses its patience after one second."""

from __future__ import annotations

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from lifereview.server.slow_clients import ClientSocket, HeadFirstWorker


class HastySocket(ClientSocket):
    most_patience = patience = 1.0
    least_bytes_per_second = 262_144


class HastyWorker(HeadFirstWorker):
    socket_class = HastySocket


def answer_as_many_bytes(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer with as many bytes as the query says, after the whole body has come."""
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    size = int(environ["QUERY_STRING"] or 2)
    start_response("200 OK", [("Content-Length", str(size))])
    return [b"x" * size]
