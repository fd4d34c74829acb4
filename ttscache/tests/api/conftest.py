"""The API in the test process, with a fake voice as its provider."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache as django_cache
from django.test import Client

from harness.fake_voice import FakeVoice
from ttscache.models import ApiToken
from ttscache.wiring import speech_cache


@pytest.fixture
def voice(transactional_db: None, settings: Any) -> Iterator[FakeVoice]:
    settings.TTSCACHE = {
        **settings.TTSCACHE,
        "provider": "openai",
        "openai_api_key": "k",
        "audio_format": "pcm",
    }
    voice = FakeVoice()
    speech_cache().synthesizer.provider = voice
    django_cache.clear()  # throttle counts live in a table that no test flushes
    yield voice
    speech_cache().finish_recordings(5)


@pytest.fixture
def caller(transactional_db: None) -> Client:
    return Client(headers={"Authorization": f"Bearer {ApiToken.issue('tests')}"})
