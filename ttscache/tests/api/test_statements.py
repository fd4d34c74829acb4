"""The number of SQL statements of a request, over all threads that work for it."""

from __future__ import annotations

from datetime import timedelta
from itertools import count, takewhile
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from harness.api_calls import body_of, request_statements, say
from harness.clips import TEXT, spoken
from harness.fake_voice import FakeVoice
from ttscache.delivery.middleware import published_clips_middleware
from ttscache.models import Clip, Pin
from ttscache.renditions.current import refresh_renditions
from ttscache.wiring import speech_cache

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("voice")]


@pytest.fixture(autouse=True)
def _known_renditions(voice: FakeVoice) -> None:
    """Read the renditions beforehand, as housekeeping does every two seconds beside the requests."""
    refresh_renditions()


TIERS = ["memory", "file", "database"]


def address() -> str:
    return f"/api/audio/{Clip.objects.get().content_hash}.pcm"


def publish() -> None:
    content_hash = Clip.objects.get().content_hash
    Pin.objects.create(content_hash=content_hash, reason=Pin.Reason.LIVE)
    speech_cache().tiers.set_published(frozenset([content_hash]))


def leave_in(tier: str) -> None:
    """Drop the clip from all faster tiers, and forget that it was requested recently."""
    for faster in takewhile(lambda each: each.name != tier, speech_cache().tiers.all):
        faster.delete(Clip.objects.get().content_hash)
    speech_cache().ledger.flush()
    Clip.objects.update(last_accessed_at=timezone.now() - timedelta(days=1))


@pytest.mark.parametrize("tier", ["memory", "file"])
def test_a_published_hit_makes_no_statement(caller: Client, tier: str) -> None:
    body_of(say(caller, TEXT))
    publish()
    leave_in(tier)
    clip = address()
    with request_statements() as made:
        response = Client().get(clip)

    assert response["Cache-Status"] == f"lifereview; hit; detail={tier}"
    assert made == []


@pytest.mark.parametrize("tier", TIERS)
def test_a_private_hit_makes_at_most_two_statements(caller: Client, tier: str) -> None:
    body_of(say(caller, TEXT))
    leave_in(tier)
    clip = address()
    with request_statements() as made:
        response = caller.get(clip)

    assert response["Cache-Status"] == f"lifereview; hit; detail={tier}"
    assert len(made) <= 2, made
    assert Clip.objects.get().last_accessed_at > timezone.now() - timedelta(minutes=1)


def test_a_published_clip_that_only_the_database_has_takes_one_statement(caller: Client) -> None:
    body_of(say(caller, TEXT))
    publish()
    leave_in("database")
    clip = address()
    with request_statements() as made:
        response = Client().get(clip)

    assert response["Cache-Status"] == "lifereview; hit; detail=database"
    assert len(made) == 1, made


def test_a_second_private_hit_within_the_hour_makes_one_statement(caller: Client) -> None:
    body_of(say(caller, TEXT))
    clip = address()
    with request_statements() as made:
        body_of(caller.get(clip))

    assert len(made) == 1, made


@pytest.mark.parametrize("tier", TIERS)
def test_a_posted_text_that_is_cached_makes_at_most_two_statements(caller: Client, tier: str) -> None:
    body_of(say(caller, TEXT))
    leave_in(tier)
    with request_statements() as made:
        response = say(caller, TEXT)

    assert response["Cache-Status"] == f"lifereview; hit; detail={tier}"
    assert len(made) <= 2, made


def test_a_posted_text_that_is_new_makes_at_most_ten_statements(
    caller: Client, voice: FakeVoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "lifereview.caches.database_cache.CountingCache._counts", count(1)
    )  # no removal of old rows
    with request_statements() as made:
        assert body_of(say(caller, TEXT)) == spoken(voice.calls[0])
        speech_cache().finish_recordings(5)

    assert len(made) <= 10, "\n".join(made)


def test_a_published_hit_makes_no_statement_with_cors_enabled(caller: Client, settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://elsewhere.example"]
    place = settings.MIDDLEWARE.index(
        f"{published_clips_middleware.__module__}.{published_clips_middleware.__name__}"
    )
    cors = "corsheaders.middleware.CorsMiddleware"
    rest = [each for each in settings.MIDDLEWARE if each != cors]
    settings.MIDDLEWARE = [*rest[:place], cors, *rest[place:]]
    body_of(say(caller, TEXT))
    publish()
    clip = address()
    with request_statements() as made:
        response = Client().get(clip, headers={"Origin": "https://elsewhere.example"})

    assert made == []
    assert response["Access-Control-Allow-Origin"] == "https://elsewhere.example"
    assert "Cache-Status" in response["Access-Control-Expose-Headers"]
    assert response["Vary"].lower() == "origin"
