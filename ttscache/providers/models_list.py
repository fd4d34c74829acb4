"""The day on which a provider retires a model: from its list, or from OpenAI's announcements."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from openai import OpenAI

OPENAI_HOST = "api.openai.com"

# A list of models says nothing of what each can do, so its name has to. Realtime models that translate or
# transcribe take no text.
_SPEECH_NAME = re.compile(r"^gpt-realtime|tts|text-to-speech|kokoro|piper", re.IGNORECASE)
_OTHER_NAME = re.compile(r"transcri|translat|whisper|stt|asr", re.IGNORECASE)

# https://platform.openai.com/docs/deprecations, as of November 2026. A snapshot goes with its model, unless
# it is named itself.
ANNOUNCED = {
    "tts-1": date(2027, 1, 6),
    "tts-1-hd": date(2027, 1, 6),
    "gpt-4o-mini-tts": date(2027, 1, 6),
    "gpt-4o-mini": date(2027, 1, 14),
    "gpt-realtime": date(2027, 1, 20),
    "gpt-realtime-2025-08-28": date(2027, 1, 20),
    "gpt-realtime-mini": date(2027, 1, 20),
    "gpt-realtime-mini-2025-12-15": date(2027, 1, 20),
}


def listed_models(client: OpenAI, *, timeout_seconds: float) -> dict[str, date | None]:
    """Read `GET /models`, which is free: each model with its day of shutdown. Raises the client's errors.

    The day is None if none is announced, or if the server sends no date in that field.
    """
    models = client.models.list(timeout=timeout_seconds)
    return {model.id: _date_of(getattr(model, "shutdown_date", None)) for model in models}


def is_speech_model(model: str) -> bool:
    """Whether a model of this name probably speaks the text that it is given."""
    return bool(_SPEECH_NAME.search(model)) and not _OTHER_NAME.search(model)


def announced_shutdown(model: str, base_url: str) -> date | None:
    """The first day without this model, as OpenAI announced it; None at any other address."""
    if not is_openai(base_url):
        return None
    return ANNOUNCED.get(model) or ANNOUNCED.get(_without_snapshot(model))


def models_offered(*, api_key: str, base_url: str, timeout_seconds: float) -> dict[str, date | None]:
    """Return `listed_models` of the service at this address. Raises the client's errors."""
    from openai import OpenAI

    with OpenAI(api_key=api_key, base_url=base_url or None, max_retries=0) as client:
        return listed_models(client, timeout_seconds=timeout_seconds)


def is_openai(base_url: str) -> bool:
    """Whether this is OpenAI's own address. An empty one is, because it is the openai package's default."""
    return not base_url or urlsplit(base_url).hostname == OPENAI_HOST


def _without_snapshot(model: str) -> str:
    """Turn tts-1-hd-1106 into tts-1-hd, and gpt-4o-mini-tts-2025-12-15 into gpt-4o-mini-tts."""
    for snapshot in (model[-11:], model[-5:]):
        if snapshot[:1] == "-" and snapshot.replace("-", "").isdigit():
            return model.removesuffix(snapshot)
    return model


def _date_of(written: object) -> date | None:
    try:
        return date.fromisoformat(str(written)) if written else None
    except ValueError:
        return None
