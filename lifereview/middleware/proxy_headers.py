"""Notes which forwarded headers last came with a request, for `manage.py doctor`. It keeps nobody's address.

A file in VAR_DIR holds the note: a published clip is answered without a query, and stays so.
"""

from __future__ import annotations

import ipaddress
import json
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_KEYS = {
    "X-Forwarded-For": "HTTP_X_FORWARDED_FOR",
    "X-Forwarded-Proto": "HTTP_X_FORWARDED_PROTO",
    "X-Forwarded-Host": "HTTP_X_FORWARDED_HOST",
    "X-Forwarded-Port": "HTTP_X_FORWARDED_PORT",
    "X-Real-IP": "HTTP_X_REAL_IP",
    "Forwarded": "HTTP_FORWARDED",
}
_EVERY_SECONDS = 60.0


def note_forwarded_headers(application: WSGIApplication) -> WSGIApplication:
    """Write a note at most once a minute, and none for requests without such headers.

    This has to be the outermost layer: others take these headers away, or the address of the proxy.
    """
    next_note = 0.0

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        nonlocal next_note
        sent = [name for name, key in _KEYS.items() if key in environ]
        if sent and time.monotonic() >= next_note:
            next_note = time.monotonic() + _EVERY_SECONDS
            with suppress(OSError):  # a full disk must not keep a page from being served
                _note(environ, sent)
        return application(environ, start_response)

    return answer


def forwarded_headers_seen() -> dict[str, Any] | None:
    """The note written last on this host, or None."""
    try:
        found = json.loads(_path().read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _note(environ: WSGIEnvironment, sent: list[str]) -> None:
    forwarded_for = environ.get("HTTP_X_FORWARDED_FOR", "")
    scheme = environ.get("HTTP_X_FORWARDED_PROTO", "")
    note = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "from": _kind_of(environ.get("REMOTE_ADDR", "")),
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
