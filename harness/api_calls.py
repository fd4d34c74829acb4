"""Calls of the API in this process, through Django's test client."""

from __future__ import annotations

from typing import Any

from django.test import Client


def say(client: Client, text: object, **fields: object) -> Any:
    """POST a text to be spoken."""
    return client.post("/api/text-to-speech", {"text": text, **fields}, content_type="application/json")


def body_of(response: Any) -> bytes:
    """All bytes of a response, streamed or not. Raises what breaks a stream off."""
    return b"".join(response.streaming_content) if response.streaming else response.content
