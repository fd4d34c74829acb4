"""The product's web application with a defect: POST /lose-connections loses all connections of the pool.

It does so like a faulty thread, which takes a connection and ends without returning it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import suppress
from wsgiref.types import StartResponse, WSGIEnvironment

from django.db import Error, connection

from lifereview.wsgi import application as product


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    if environ["PATH_INFO"] != "/lose-connections":
        return product(environ, start_response)
    while _lose_one():
        pass
    start_response("204 No Content", [])
    return []


def _lose_one() -> bool:
    """Lose one connection; False if none is left."""
    lost = threading.Event()

    def lose() -> None:
        with suppress(Error):
            connection.ensure_connection()
            lost.set()

    thread = threading.Thread(target=lose)
    thread.start()
    thread.join()
    return lost.is_set()
