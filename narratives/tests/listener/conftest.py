"""The listener's API in this process, with the stand-in's chat model and voice behind it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache as django_cache
from django.test import Client

from harness.api_calls import Reflect
from harness.openai_server import OpenAIServer
from harness.prepared_rows import put_rows_of
from narratives.content.loading import load_shipped_content
from narratives.models import Narrative
from narratives.reflections.model import forget_reflection_models
from ttscache import wiring


@pytest.fixture
def shipped(transactional_db: None) -> None:
    """The default journey and the bank, as they come with this project."""
    put_rows_of(load_shipped_content)


@pytest.fixture
def chat(shipped: None, openai: OpenAIServer, settings: Any) -> Iterator[OpenAIServer]:
    """The stand-in, which writes the reflections and speaks them."""
    settings.TTSCACHE = {
        **settings.TTSCACHE,
        "provider": "openai",
        "openai_api_key": "sk-test",
        "openai_base_url": openai.base_url,
        "model": "tts-1-hd",
    }
    wiring.forget()
    forget_reflection_models()
    django_cache.clear()  # it counts for throttles, in a table that no test flushes
    yield openai
    wiring.speech_cache().finish_recordings(5)
    forget_reflection_models()


@pytest.fixture
def without_key(shipped: None) -> None:
    """No provider: the bank reflects, and the embedded voice speaks."""
    django_cache.clear()


@pytest.fixture
def ask() -> Reflect:
    """POST an answer to the question of a theme."""

    def post(answer: object, theme: str = "work", **more: Any) -> Any:
        narrative = Narrative.objects.get(journey__is_default=True, theme=theme)
        body = {"narrative": narrative.pk, "answer": answer, "voice": "nova", **more}
        return Client(raise_request_exception=False).post(
            "/api/reflections", body, content_type="application/json"
        )

    return post
