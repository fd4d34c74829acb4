"""Calls the API in this process, through Django's test client."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.test import Client

from harness.statements import recorded_statements

Reflect = Callable[..., Any]  # the type of the fixture `ask`, which posts an answer
# Transactions, and statements that look up the caller: session, user, permissions and token.
_LEFT_OUT = re.compile(
    r"\s*(SAVEPOINT|RELEASE|ROLLBACK)\b|.*\b(django_session|auth_\w+|ttscache_apitoken)\b", re.DOTALL
)


def say(client: Client, text: object, **fields: object) -> Any:
    """POST a text to be spoken."""
    return client.post("/api/text-to-speech", {"text": text, **fields}, content_type="application/json")


def body_of(response: Any) -> bytes:
    """Read all bytes of a response, streamed or not. Raises the error that breaks a stream off."""
    return b"".join(response.streaming_content) if response.streaming else response.content


@contextmanager
def request_statements() -> Iterator[list[str]]:
    """Collect the SQL of all requests in all threads, complete at the end of the block.

    Leaves out transactions and the statements that look up the caller.
    """
    counted: list[str] = []
    with recorded_statements() as statements:
        yield counted
    counted += [sql for sql in statements if not _LEFT_OUT.match(sql)]
