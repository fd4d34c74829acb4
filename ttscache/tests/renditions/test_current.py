from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import OperationalError

from ttscache.models import Rendition
from ttscache.renditions import current
from ttscache.renditions.current import (
    fixed_renditions,
    forget_renditions,
    live_rendition,
    refresh_renditions,
    request_for,
)
from ttscache.speech import VoiceRendition

pytestmark = pytest.mark.django_db

MARIN = VoiceRendition(provider="openai", model="gpt-realtime-2.1-mini", voice="marin")


def go_live(spec: VoiceRendition = MARIN, listener_voice: str = "nova") -> Rendition:
    Rendition.objects.filter(listener_voice=listener_voice).update(state="past")
    return Rendition.objects.create(
        listener_voice=listener_voice,
        state="live",
        provider=spec.provider,
        model=spec.model,
        voice=spec.voice,
        audio_format=spec.audio_format,
    )


def test_settings_decide_who_plays_a_voice_without_a_rendition(settings: Any) -> None:
    settings.TTSCACHE = {**settings.TTSCACHE, "provider": "openai", "openai_api_key": "k"}

    assert live_rendition("nova") == VoiceRendition(provider="openai", model="tts-1-hd", voice="nova")


def test_a_live_rendition_decides_who_plays_a_voice_under_any_settings() -> None:
    go_live()

    assert live_rendition("nova") == MARIN
    assert request_for("Where?", "nova") == MARIN.request("Where?")
    assert live_rendition("onyx").model == "embedded"


@pytest.mark.parametrize(("name", "played_by"), [("cedar", "cedar"), ("shimmer", "shimmer")])
def test_an_unlisted_voice_belongs_to_the_provider_of_the_default_voice(name: str, played_by: str) -> None:
    go_live()

    assert live_rendition(name) == VoiceRendition(provider="openai", model=MARIN.model, voice=played_by)


def test_renditions_of_many_texts_take_one_query(django_assert_num_queries: Any) -> None:
    go_live()
    forget_renditions()
    with django_assert_num_queries(1):
        for number in range(50):
            request_for(f"Question {number}?", "nova")


def test_a_process_rereads_renditions_after_some_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    live_rendition("nova")
    go_live()
    assert live_rendition("nova").model == "embedded"
    monkeypatch.setattr(current, "REMEMBERED_SECONDS", 0.0)

    assert live_rendition("nova") == MARIN


def test_a_listing_uses_a_single_reading_of_the_renditions(django_assert_num_queries: Any) -> None:
    live_rendition("nova")
    go_live()
    with django_assert_num_queries(1), fixed_renditions():
        assert live_rendition("nova") == MARIN
        Rendition.objects.none().update(state="past")
        refreshed = threading.Thread(target=current._remember, args=({},))
        refreshed.start()
        refreshed.join()
        assert live_rendition("nova") == MARIN

    assert live_rendition("nova").model == "embedded"


def test_the_last_known_rendition_plays_while_the_database_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    go_live()
    refresh_renditions()
    monkeypatch.setattr(current, "REMEMBERED_SECONDS", 0.0)

    def away() -> None:
        raise OperationalError

    monkeypatch.setattr(current, "_read", away)
    assert live_rendition("nova") == MARIN
    forget_renditions()
    assert live_rendition("nova").model == "embedded"
