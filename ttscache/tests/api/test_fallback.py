"""TTS_FALLBACK=embedded: the embedded voice speaks free text when the provider cannot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from harness.api_calls import body_of, say
from harness.clips import spoken
from harness.counted_requests import outcomes
from harness.fake_voice import FakeVoice
from ttscache import audio, wiring
from ttscache.api.stats import cache_stats
from ttscache.api.throttling import ScopedThrottle
from ttscache.connections import OrmThreadPool
from ttscache.errors import (
    BrokenAudio,
    BudgetExhausted,
    KeyRefused,
    ModelRetired,
    ProviderDown,
    ProviderFailed,
    ProviderTimeout,
    ProviderUnavailable,
    Reworded,
    SpeechError,
    TextRefused,
)
from ttscache.generation.circuit_breaker import FAILURES_IN_A_ROW
from ttscache.models import BudgetDay, Clip, DailyRequests, LastProviderOutcome, Pin, Spending, Usage
from ttscache.renditions.current import request_for
from ttscache.reports.hit_rates import Rate
from ttscache.speech import SpeechRequest
from ttscache.wiring import speech_cache

pytestmark = pytest.mark.django_db(transaction=True)

TEXT = "We went to the sea every summer."
SPOKEN_INSTEAD = "lifereview; fwd=miss; detail=fallback"


def not_retried(error: SpeechError) -> SpeechError:
    """Mark the error as permanent: retries wait for seconds and have their own tests."""
    error.is_retryable = False  # type: ignore[attr-defined]
    return error


SetUp = Callable[..., None]


@pytest.fixture
def set_up(voice: FakeVoice, settings: Any) -> SetUp:
    """A function that rebuilds the cache with more settings and with the fake voice."""

    def rebuild(**given: Any) -> None:
        settings.TTSCACHE = {**settings.TTSCACHE, **given}
        wiring.forget()
        speech_cache().synthesizer.provider = voice

    return rebuild


@pytest.fixture(autouse=True)
def _fallback(set_up: SetUp) -> None:
    set_up(fallback="embedded", daily_budget_usd=5.0)


def embedded(text: str = TEXT, voice: str = "nova") -> SpeechRequest:
    return SpeechRequest(text=text, voice=voice, model="embedded", audio_format="pcm")


@pytest.mark.parametrize(
    "error",
    [
        lambda: not_retried(ProviderUnavailable()),
        lambda: ModelRetired("tts-1-hd"),
        lambda: not_retried(ProviderTimeout()),
        KeyRefused,
        ProviderDown,
    ],
    ids=["unavailable", "retired", "timeout", "key refused", "circuit open"],
)
def test_the_embedded_voice_speaks_where_the_provider_is_down_or_the_model_is_retired(
    caller: Client, voice: FakeVoice, error: Callable[[], SpeechError]
) -> None:
    voice.errors = [error()]
    response = say(caller, TEXT)

    assert response.status_code == 200
    assert (response["Cache-Status"], response["Cache-Control"]) == (SPOKEN_INSTEAD, "no-store")
    audio.check_whole(audio.examine(body_of(response), "pcm"), TEXT, 1.0)
    assert outcomes() == {"fallback": 1}


def test_the_embedded_voice_speaks_without_a_call_while_the_circuit_is_open(
    caller: Client, voice: FakeVoice
) -> None:
    for _ in range(FAILURES_IN_A_ROW):
        speech_cache().synthesizer.circuit.count(ProviderUnavailable())
    voice.is_in_good_health = False
    responses = [say(caller, TEXT) for _ in range(3)]

    assert {response["Cache-Status"] for response in responses} == {SPOKEN_INSTEAD}
    assert (voice.calls, outcomes()) == ([], {"fallback": 3})


def test_a_text_that_many_ask_for_at_once_is_spoken_once(caller: Client, voice: FakeVoice) -> None:
    voice.errors = [ModelRetired("tts-1-hd") for _ in range(6)]
    with OrmThreadPool(6) as pool:
        bodies = list(pool.map(lambda _: body_of(say(caller, TEXT)), range(6)))

    assert len(set(bodies)) == 1
    assert [clip.model for clip in Clip.objects.with_audio()] == ["embedded"]
    assert outcomes() == {"fallback": 6}


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (TextRefused, 400),
        (BudgetExhausted, 503),
        (lambda: not_retried(BrokenAudio()), 502),
        (lambda: not_retried(Reworded(())), 502),
        (lambda: not_retried(ProviderFailed()), 502),
    ],
    ids=["text refused", "budget used up", "broken clip", "other words", "wrong request"],
)
def test_the_fallback_voice_hides_no_other_error(
    caller: Client, voice: FakeVoice, error: Callable[[], SpeechError], status: int
) -> None:
    voice.errors = [error()]
    response = say(caller, TEXT)

    assert response.status_code == status
    assert not Clip.objects.filter(model="embedded").exists()
    assert outcomes() == {"failed": 1}


def test_no_fallback_voice_speaks_without_the_setting(
    caller: Client, voice: FakeVoice, set_up: SetUp
) -> None:
    set_up(fallback="none")
    voice.errors = [ModelRetired("tts-1-hd")]

    assert say(caller, TEXT).json()["code"] == "model_retired"


def test_a_fallback_clip_is_kept_only_under_the_key_of_the_embedded_voice(
    caller: Client, voice: FakeVoice
) -> None:
    voice.errors = [ModelRetired("tts-1-hd"), ModelRetired("tts-1-hd")]
    first, second = (body_of(say(caller, TEXT)) for _ in range(2))
    kept = {clip.content_hash: clip.model for clip in Clip.objects.with_audio()}

    assert first == second
    assert kept == {embedded().content_hash: "embedded"}
    assert not Pin.objects.exists()
    assert outcomes() == {"fallback": 2}, "the kept clip is a fallback, too, and no hit"


def test_the_provider_speaks_again_once_it_is_back(caller: Client, voice: FakeVoice) -> None:
    voice.errors = [not_retried(ProviderUnavailable())]
    body_of(say(caller, TEXT))
    response = say(caller, TEXT)

    assert body_of(response) == spoken(voice.calls[-1])
    assert response["Cache-Status"] == "lifereview; fwd=miss; detail=generated"
    assert Clip.objects.with_audio().filter(content_hash=request_for(TEXT, "nova").content_hash).exists()


def test_a_persons_own_words_are_spoken_instead_and_never_kept(caller: Client, voice: FakeVoice) -> None:
    voice.errors = [ModelRetired("tts-1-hd")]
    response = say(caller, TEXT, content_type="response")

    assert (response.status_code, response["Cache-Control"]) == (200, "no-store")
    assert response["Cache-Status"] == SPOKEN_INSTEAD
    assert body_of(response)
    assert outcomes() == {"fallback": 1}
    assert not Clip.objects.exists() and not DailyRequests.objects.exists()


def test_a_stream_cut_after_its_first_byte_has_no_fallback(caller: Client, voice: FakeVoice) -> None:
    voice.breaks_off = not_retried(ProviderUnavailable())
    response = say(caller, TEXT)

    with pytest.raises(ProviderUnavailable):
        body_of(response)
    assert outcomes() == {"failed": 1}
    assert not Clip.objects.filter(model="embedded").exists()


def test_a_request_that_waits_for_the_whole_clip_gets_the_fallback(caller: Client, voice: FakeVoice) -> None:
    voice.breaks_off = not_retried(ProviderUnavailable())
    body = {"text": TEXT}, "application/json"
    response = caller.post("/api/text-to-speech", *body, headers={"Range": "bytes=0-"})

    assert (response.status_code, response["Cache-Status"]) == (200, SPOKEN_INSTEAD)
    audio.check_whole(audio.examine(body_of(response), "pcm"), TEXT, 1.0)


def test_the_embedded_voice_plays_the_listener_voice_under_any_provider_voice(
    caller: Client, voice: FakeVoice, set_up: SetUp
) -> None:
    set_up(voices_by_role={"onyx": "en-GB-Walter"})
    voice.errors = [ModelRetired("tts-1-hd")]
    body_of(say(caller, TEXT, voice="onyx"))

    assert voice.calls[0].voice == "en-GB-Walter"
    assert Clip.objects.with_audio().get().content_hash == embedded(voice="onyx").content_hash


def test_a_text_that_the_embedded_voice_cannot_say_gets_the_providers_error(
    caller: Client, voice: FakeVoice
) -> None:
    voice.errors = [not_retried(ProviderUnavailable(retry_after_seconds=40))]
    response = say(caller, "Мы каждое лето ездили на море.")

    assert (response.status_code, response["Retry-After"]) == (503, "40")
    assert response.json()["code"] == "provider_unavailable"


def test_a_text_of_the_journey_is_spoken_by_no_second_voice(caller: Client, voice: FakeVoice) -> None:
    request = request_for(TEXT, "nova")
    Clip.objects.record_all([request], "narrative")
    Pin.objects.create(content_hash=request.content_hash, reason=Pin.Reason.LIVE)
    voice.errors = [ModelRetired("tts-1-hd")] * 2

    assert say(caller, TEXT).json()["code"] == "model_retired"
    assert caller.get(f"/api/audio/{request.content_hash}.pcm").json()["code"] == "model_retired"
    assert not Clip.objects.filter(model="embedded").exists()


def test_a_fallback_costs_nothing_and_says_nothing_about_the_provider(
    caller: Client, voice: FakeVoice
) -> None:
    voice.errors = [KeyRefused()]
    body_of(say(caller, TEXT))
    speech_cache().ledger.flush()

    assert list(LastProviderOutcome.objects.values_list("outcome", flat=True)) == ["key_refused"]
    assert [row.outcome for row in Spending.objects.all()] == ["key_refused"]
    assert BudgetDay.objects.get().committed_microusd == 0
    assert Usage.objects.get().list_price_microusd == 0


def test_a_fallback_is_a_request_and_neither_a_hit_nor_a_failure(caller: Client, voice: FakeVoice) -> None:
    body_of(say(caller, TEXT))
    body_of(say(caller, TEXT))
    voice.errors = [ModelRetired("tts-1-hd")]
    body_of(say(caller, "Another text."))
    speech_cache().ledger.flush()
    stats = cache_stats()
    rate = Rate()
    rate.add("fallback", 1, 13)

    assert (stats["by_tier"]["fallback"], stats["by_tier"]["failed"]) == (1, 0)
    assert stats["hit_rate"] == pytest.approx(1 / 3, abs=1e-4)
    assert (rate.requests, rate.hits, rate.percent) == (1, 0, 0.0)


def test_a_request_with_a_fallback_counts_once_for_the_throttle(
    caller: Client, voice: FakeVoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ScopedThrottle, "THROTTLE_RATES", {"generation": "1/min"})
    voice.errors = [ModelRetired("tts-1-hd")] * 2

    assert say(caller, TEXT).status_code == 200
    assert say(caller, "Another text.").status_code == 429
