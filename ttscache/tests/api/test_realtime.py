"""POST /api/text-to-speech with a Realtime model, against a server that speaks the Realtime protocol."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache as django_cache
from django.test import Client

from harness.api_calls import body_of, say
from harness.openai_server import OpenAIServer
from harness.realtime_cache import REALTIME_MODEL, realtime_request, realtime_sound, spent_usd
from ttscache import wiring
from ttscache.models import Clip, Lease, WarmItem
from ttscache.wiring import speech_cache

pytestmark = pytest.mark.django_db(transaction=True)

TEXT = "I am ten years old. What place from your childhood comes to mind?"


@pytest.fixture(autouse=True)
def _realtime(transactional_db: None, settings: Any, openai: OpenAIServer) -> Iterator[None]:
    settings.TTSCACHE = {
        **settings.TTSCACHE,
        "provider": "openai",
        "openai_api_key": "sk-of-a-test",
        "openai_base_url": openai.base_url,
        "model": REALTIME_MODEL,
    }
    wiring.forget()
    django_cache.clear()
    yield
    speech_cache().finish_recordings(5)


def test_a_realtime_clip_is_sent_whole_and_is_a_hit_the_second_time(
    caller: Client, openai: OpenAIServer
) -> None:
    first, second = say(caller, TEXT), say(caller, TEXT)

    clip = realtime_sound(realtime_request(TEXT, audio_format="mp3"))
    assert [body_of(first), body_of(second)] == [clip, clip]
    assert not first.streaming
    assert [response["Content-Length"] for response in (first, second)] == [str(len(clip))] * 2
    assert first["Cache-Status"] == "lifereview; fwd=miss; detail=generated"
    assert second["Cache-Status"] == "lifereview; hit; detail=memory"
    assert [call.voice for call in openai.calls()] == ["marin"], "who plays nova"


@pytest.mark.parametrize(("listener_voice", "played_by"), [("nova", "marin"), ("onyx", "cedar")])
def test_each_listener_voice_is_played_by_its_realtime_voice(
    caller: Client, openai: OpenAIServer, listener_voice: str, played_by: str
) -> None:
    assert say(caller, TEXT, voice=listener_voice).status_code == 200
    assert [call.voice for call in openai.calls()] == [played_by]


def test_a_voice_that_the_model_lacks_is_unknown(caller: Client, openai: OpenAIServer) -> None:
    response = say(caller, TEXT, voice="fable")
    assert (response.status_code, response.json()["code"]) == (400, "unknown_voice")
    assert "marin" in response.json()["voices"] and "fable" not in response.json()["voices"]
    assert openai.calls() == []


def test_a_persons_own_words_are_spoken_and_forgotten(caller: Client, openai: OpenAIServer) -> None:
    responses = [say(caller, TEXT, content_type="response") for _ in range(2)]

    assert {response["Cache-Control"] for response in responses} == {"no-store"}
    assert all(body_of(response) for response in responses)
    assert len(openai.calls()) == 2
    assert not Clip.objects.exists()


@pytest.mark.parametrize("content_type", ["response", "analysis", "question"])
def test_a_reworded_clip_is_an_error_without_a_word_of_the_text(
    caller: Client, openai: OpenAIServer, caplog: pytest.LogCaptureFixture, content_type: str
) -> None:
    openai.behave(fault="reword")
    with caplog.at_level(logging.DEBUG):
        response = say(caller, "My secret is a canary.", content_type=content_type)

    assert (response.status_code, response.json()["code"]) == (502, "provider_failed")
    assert response["Cache-Control"] == "no-store"
    assert len(openai.calls()) == 3
    told = response.content.decode() + caplog.text + repr(list(Lease.objects.values()))
    assert "canary" not in told and "Sure!" not in told
    assert not WarmItem.objects.exists()
    assert not Clip.objects.with_audio().exists()
    assert (Clip.objects.count() == 0) == (content_type == "response")


def test_a_text_that_the_content_filter_stops_is_refused(caller: Client, openai: OpenAIServer) -> None:
    openai.behave(fault="content_filter")
    response = say(caller, TEXT)
    assert (response.status_code, response.json()["code"]) == (400, "text_refused")


def test_an_overloaded_provider_says_when_to_come_back(caller: Client, openai: OpenAIServer) -> None:
    openai.behave(fault=429, retry_after_seconds=90)
    response = say(caller, TEXT)
    assert (response.status_code, response.json()["code"]) == (503, "provider_unavailable")
    assert response["Retry-After"] == "90"


def test_the_error_of_a_retired_model_says_so_and_has_no_retry_after(
    caller: Client, openai: OpenAIServer
) -> None:
    openai.behave(fault=410)
    response = say(caller, TEXT)
    assert (response.status_code, response.json()["code"]) == (503, "model_retired")
    assert "Retry-After" not in response


def test_past_the_budget_nothing_is_called(caller: Client, openai: OpenAIServer, settings: Any) -> None:
    settings.TTSCACHE = {**settings.TTSCACHE, "daily_budget_usd": 0.001}
    wiring.forget()
    response = say(caller, TEXT)
    assert (response.status_code, response.json()["code"]) == (503, "budget_exhausted")
    assert openai.calls() == []


def test_the_ledger_has_the_cost_of_a_realtime_request(caller: Client, openai: OpenAIServer) -> None:
    body_of(say(caller, TEXT))
    assert spent_usd(speech_cache()) == pytest.approx(openai.bill_usd(), abs=1e-6)
