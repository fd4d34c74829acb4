"""Gives each request an id, which its answer and its lines in the log carry."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from ttscache.thread_context import carry_into_threads

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

HEADER = "X-Request-Id"
_NAME = HEADER.lower()
_WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,127}", re.ASCII)

_current: ContextVar[str] = ContextVar("request_id", default="")
carry_into_threads(_current)


def current_request_id() -> str:
    """The id of the request that this thread works for; empty outside a request."""
    return _current.get()


class RequestIds:
    """WSGI middleware. Behind TrustedProxies, which says whether the id of the caller counts."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        given = environ.pop("HTTP_X_REQUEST_ID", "")
        is_taken = environ.get("lifereview.is_from_proxy") and _WELL_FORMED.fullmatch(given)
        request_id = given if is_taken else secrets.token_hex(16)
        environ["HTTP_X_REQUEST_ID"] = request_id
        # Not reset at the end, because the body is sent after it. The thread's next request sets its own.
        _current.set(request_id)

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Callable[[bytes], object]:
            others = [(name, value) for name, value in headers if name.lower() != _NAME]
            return start_response(status, [*others, (HEADER, request_id)], *error)

        # No wrapper around the body: the server sends a file itself, and must see that it is one.
        return self._application(environ, start)
