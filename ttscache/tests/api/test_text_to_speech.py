"""POST /api/text-to-speech in the test process, with a fake voice."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from rest_framework.settings import api_settings

from harness.api_calls import body_of, say
from harness.clips import TEXT, spoken
from harness.counted_requests import outcomes
from harness.fake_voice import FakeVoice
from ttscache.api.throttling import ScopedThrottle
from ttscache.delivery.waiting_room import waiting_room
from ttscache.errors import ProviderFailed, ProviderUnavailable
from ttscache.models import Clip
from ttscache.wiring import speech_cache

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("voice")]


def test_a_posted_text_is_spoken_and_is_a_hit_the_second_time(caller: Client, voice: FakeVoice) -> None:
    first, second = say(caller, TEXT), None
    assert body_of(first) == spoken(voice.calls[0])
    second = say(caller, TEXT)

    assert first["Cache-Status"] == "lifereview; fwd=miss; detail=generated"
    assert second["Cache-Status"] == "lifereview; hit; detail=memory"
    assert body_of(second) == spoken(voice.calls[0])
    assert outcomes() == {"generated": 1, "memory": 1}


def test_a_persons_own_words_are_spoken_and_forgotten(caller: Client, voice: FakeVoice) -> None:
    responses = [say(caller, TEXT, content_type="response") for _ in range(2)]

    assert [body_of(response) for response in responses] == [spoken(voice.calls[0])] * 2
    assert {response["Cache-Control"] for response in responses} == {"no-store"}
    assert len(voice.calls) == 2
    assert not Clip.objects.exists()
    assert outcomes() == {"generated": 2}


@pytest.mark.parametrize(
    ("said", "kind"), [("greeting", "narrative"), ("outro", "narrative"), ("analysis", "analysis")]
)
def test_a_clip_is_filed_under_its_kind(caller: Client, said: str, kind: str) -> None:
    body_of(say(caller, TEXT, content_type=said))

    assert Clip.objects.get().content_type == kind


@pytest.mark.parametrize("text", ["…", "—", "😊", "***", "\u200b", "?! ..."])
@pytest.mark.parametrize("kind", ["narrative", "response"])
def test_a_text_with_nothing_to_say_is_refused_without_a_call(
    caller: Client, voice: FakeVoice, text: str, kind: str
) -> None:
    response = say(caller, text, content_type=kind)

    assert (response.status_code, response.json()["code"]) == (400, "empty_text")
    assert voice.calls == []
    assert not Clip.objects.exists()


@pytest.mark.parametrize("kind", ["narrative", "response"])
def test_the_voice_gets_the_clean_form_of_a_text_and_the_key_is_that_of_the_text(
    caller: Client, voice: FakeVoice, kind: str
) -> None:
    given = "Jose\u0301 sat in the Cafe\u0301\u200b."
    body_of(say(caller, given, content_type=kind))

    assert [call.text for call in voice.calls] == ["José sat in the Café."]
    assert [clip.content_text for clip in Clip.objects.all()] == ([given] if kind == "narrative" else [])


def test_an_error_before_the_first_byte_has_its_status(caller: Client, voice: FakeVoice) -> None:
    voice.errors = [ProviderUnavailable(retry_after_seconds=30)]
    response = say(caller, TEXT)

    assert (response.status_code, response.json()["code"]) == (503, "provider_unavailable")
    assert (response["Retry-After"], response["Cache-Control"]) == ("30", "no-store")
    assert outcomes() == {"failed": 1}


def test_a_failure_after_the_first_byte_cuts_the_connection(caller: Client, voice: FakeVoice) -> None:
    voice.breaks_off = ProviderFailed()
    response = say(caller, TEXT)

    with pytest.raises(ProviderFailed):
        body_of(response)
    assert outcomes() == {"failed": 1}


def test_strangers_may_have_free_text_spoken_only_if_the_operator_allows_it(
    voice: FakeVoice, settings: Any
) -> None:
    assert say(Client(), TEXT).status_code == 401
    settings.TTSCACHE = {**settings.TTSCACHE, "allow_anonymous_text": True}
    speech_cache().synthesizer.provider = voice

    assert say(Client(), TEXT).status_code == 200


def test_free_text_is_open_to_staff_and_closed_to_other_users(
    admin_client: Client, client: Client, django_user_model: Any
) -> None:
    client.force_login(django_user_model.objects.create_user("somebody"))

    assert say(client, TEXT).status_code == 403
    assert say(admin_client, TEXT).status_code == 200


def test_requests_beyond_the_waiting_threads_get_503_busy(
    caller: Client, settings: Any, voice: FakeVoice
) -> None:
    settings.TTSCACHE = {**settings.TTSCACHE, "waiting_threads": 1}
    waiting_room.cache_clear()
    speech_cache().synthesizer.provider = voice
    waiting = say(caller, "The first text that is asked for.")
    busy = say(caller, "Another text, asked for meanwhile.")
    body_of(waiting)
    after = say(caller, "Another text, asked for meanwhile.")

    assert (busy.status_code, busy.json()["code"], "Retry-After" in busy) == (503, "busy", True)
    assert after.status_code == 200
    body_of(after)
    assert outcomes() == {"generated": 2, "failed": 1}, "who was sent away asked as well"


def test_throttling_counts_generations_and_not_hits(caller: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    rates = {"generation": "1/min", "anonymous_generation": "1/min"}
    monkeypatch.setattr(ScopedThrottle, "THROTTLE_RATES", rates)
    body_of(say(caller, TEXT))
    hit, other = say(caller, TEXT), say(caller, "A second text that nobody has asked for.")

    assert hit.status_code == 200
    assert (other.status_code, other.json()["code"]) == (429, "throttled")
    assert int(other["Retry-After"]) > 0
    assert "anonymous_generation" in api_settings.DEFAULT_THROTTLE_RATES


def test_requests_are_served_while_redis_is_down(caller: Client, settings: Any) -> None:
    settings.CACHES = {
        **settings.CACHES,
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
        },
    }

    assert say(caller, TEXT).status_code == 200


def test_deeply_nested_json_is_a_parse_error(caller: Client) -> None:
    response = caller.post("/api/text-to-speech", "[" * 200_000, content_type="application/json")

    assert (response.status_code, response.json()["code"]) == (400, "parse_error")


def test_an_unexpected_error_is_json_without_a_word_of_the_request(
    caller: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    words = "canary words of a person"

    def explode(*_: object, **__: object) -> None:
        raise ValueError(words)

    monkeypatch.setattr(speech_cache(), "generate", explode)
    response = say(caller, words)

    assert (response.status_code, response.json()["code"]) == (500, "server_error")
    assert "canary" not in response.content.decode() + caplog.text
