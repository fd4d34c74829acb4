"""Notes which forwarded headers last came with a request, for `manage.py doctor`. It keeps nobody's address.

A file in VAR_DIR holds the note: a published clip is answered without a query, and stays so.
"""

from __future__ import annotations

import ipaddress
import json
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

_KEYS = {
    "X-Forwarded-For": "HTTP_X_FORWARDED_FOR",
    "X-Forwarded-Proto": "HTTP_X_FORWARDED_PROTO",
    "X-Forwarded-Host": "HTTP_X_FORWARDED_HOST",
    "X-Forwarded-Port": "HTTP_X_FORWARDED_PORT",
    "X-Real-IP": "HTTP_X_REAL_IP",
    "Forwarded": "HTTP_FORWARDED",
}
_EVERY_SECONDS = 60.0


class ForwardedHeaders:
    """Middleware. It writes at most once a minute, and nothing for requests without such headers."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response
        self._next = 0.0

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        sent = [name for name, key in _KEYS.items() if key in request.META]
        if sent and time.monotonic() >= self._next:
            self._next = time.monotonic() + _EVERY_SECONDS
            with suppress(OSError):  # a full disk must not keep a page from being served
                _note(request, sent)
        return self._get_response(request)


def forwarded_headers_seen() -> dict[str, Any] | None:
    """The note written last on this host, or None."""
    try:
        found = json.loads(_path().read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _note(request: HttpRequest, sent: list[str]) -> None:
    forwarded_for = request.META.get("HTTP_X_FORWARDED_FOR", "")
    scheme = request.META.get("HTTP_X_FORWARDED_PROTO", "")
    note = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "from": _kind_of(request.META.get("REMOTE_ADDR", "")),
        "headers": sent,
        "addresses_in_x_forwarded_for": len(forwarded_for.split(",")) if forwarded_for else 0,
        "x_forwarded_proto": scheme if scheme in {"http", "https"} else "",
    }
    draft = _path().with_suffix(".draft")
    draft.write_text(json.dumps(note))
    draft.replace(_path())


def _kind_of(peer: str) -> str:
    """A proxy's own address; a public one may be a person's, and is not kept."""
    if not peer:
        return "a socket file"
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return "an unknown address"
    return "a public address" if address.is_global else str(address)


def _path() -> Path:
    return Path(settings.VAR_DIR) / "forwarded_headers.json"
