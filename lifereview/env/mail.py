"""Turns EMAIL_URL, EMAIL_FROM and ALERT_EMAILS into Django's mail settings."""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import unquote, urlsplit

from lifereview.env.reader import Environment

PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
TIMEOUT_SECONDS = 10  # a hanging mail server must not hold up a task for long
_ADDRESS: dict[str, Any] = {
    "pattern": r"[^@\s,<>]+@[^@\s,<>]+",
    "allowed": "a list of addresses, such as ana@example.org,ops@example.org",
}


def alert_emails(env: Environment) -> list[str]:
    """The addresses that get alerts; an empty list turns mail off."""
    return env.words("ALERT_EMAILS", **_ADDRESS)


def mail_settings(env: Environment) -> dict[str, Any]:
    """Django's EMAIL_* settings. Without EMAIL_URL they name the mail server of this machine."""
    url = urlsplit(env.url("EMAIL_URL", "smtp://localhost", schemes=list(PORTS)))
    sender = env.matching("EMAIL_FROM", _ADDRESS["pattern"], "an address, such as lifereview@example.org")
    return {
        "EMAIL_HOST": url.hostname or "localhost",
        "EMAIL_PORT": url.port or PORTS[url.scheme],
        "EMAIL_HOST_USER": unquote(url.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(url.password or ""),
        "EMAIL_USE_TLS": url.scheme == "smtp+starttls",
        "EMAIL_USE_SSL": url.scheme == "smtps",
        "EMAIL_TIMEOUT": TIMEOUT_SECONDS,
        "DEFAULT_FROM_EMAIL": sender or f"lifereview@{socket.gethostname()}",
    }
