"""The contract of every provider: OpenAI over HTTP, OpenAI Realtime, and the embedded voice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest

from harness.openai_server import OpenAIServer
from ttscache import audio
from ttscache.accounting.prices import cost_usd, is_priced, list_price_usd, most_usd
from ttscache.errors import SpeechError
from ttscache.providers import Provider
from ttscache.providers.embedded import EmbeddedProvider
from ttscache.providers.openai import OpenAIProvider
from ttscache.speech import EMBEDDED_MODEL, SpeechRequest
from ttscache.token_usage import TokenUsage

pytestmark = pytest.mark.any_database

TEXT = "What place from your childhood comes to mind?"
MODELS = {"HTTP": "tts-1-hd", "Realtime": "gpt-realtime-2.1-mini", "embedded": EMBEDDED_MODEL}


@dataclass(frozen=True)
class Road:
    """A provider, and a request that it is there for."""

    provider: Provider
    request: SpeechRequest

    def hear(self, request: SpeechRequest | None = None) -> tuple[list[bytes], TokenUsage | None]:
        speaking, chunks = self.provider.speak(request or self.request), list[bytes]()
        while True:
            try:
                chunks.append(next(speaking))
            except StopIteration as end:
                return chunks, end.value


@pytest.fixture(params=MODELS)
def road(request: Any, openai: OpenAIServer) -> Road:
    voice, model = "marin" if request.param == "Realtime" else "nova", MODELS[request.param]
    speech = SpeechRequest(text=TEXT, voice=voice, model=model, audio_format="pcm")
    if model == EMBEDDED_MODEL:
        return Road(EmbeddedProvider(), speech)
    return Road(OpenAIProvider(api_key="sk-of-a-test", base_url=openai.base_url, preloads=model), speech)


def test_a_provider_speaks_only_its_own_models(road: Road) -> None:
    is_embedded = isinstance(road.provider, EmbeddedProvider)
    assert road.provider.can_speak(road.request)
    for model in MODELS.values():
        is_own = (model == EMBEDDED_MODEL) == is_embedded
        assert road.provider.can_speak(replace(road.request, model=model)) == is_own


@pytest.mark.parametrize("audio_format", list(audio.FORMATS))
def test_a_clip_is_whole_in_every_format(road: Road, audio_format: str) -> None:
    chunks, _ = road.hear(replace(road.request, audio_format=audio_format))
    audio.check_whole(audio.examine(b"".join(chunks), audio_format), TEXT)


def test_a_provider_that_does_not_stream_sends_one_piece(road: Road) -> None:
    chunks, _ = road.hear()
    assert chunks
    assert road.provider.streams(road.request) or len(chunks) == 1


def test_a_call_of_a_priced_model_costs_what_was_set_aside_at_most(road: Road) -> None:
    chunks, usage = road.hear()
    seconds = len(b"".join(chunks)) / 2 / audio.PCM_RATE
    cost = cost_usd(road.request, seconds, usage)
    assert is_priced(road.request.model)
    assert cost <= most_usd(road.request)
    assert cost == pytest.approx(list_price_usd(road.request.model, len(TEXT)), rel=0.35)
    assert (cost == 0) == (road.request.model == EMBEDDED_MODEL)


def test_parts_are_cut_at_ends_of_sentences_and_lose_no_word(road: Road) -> None:
    text = " ".join(f"This is sentence {number} of a long life." for number in range(300))
    parts = [part.text for part in road.provider.parts(replace(road.request, text=text))]
    assert " ".join(parts) == text
    assert all(part.endswith("life.") for part in parts)


def test_a_part_is_said_in_the_manner_of_the_whole(road: Road) -> None:
    request = replace(road.request, instructions="Softly.", audio_format="mp3")
    assert road.provider.parts(request) == [request]


def test_preloading_and_looking_make_no_speech_call(road: Road, openai: OpenAIServer) -> None:
    road.provider.preload()
    assert road.provider.is_well()
    assert openai.calls() == [] and openai.session_count() == 0


def test_a_voice_that_does_not_exist_is_one_of_our_errors_without_a_word_of_the_text(road: Road) -> None:
    with pytest.raises(SpeechError) as raised:
        road.hear(replace(road.request, voice="nobody"))
    assert "childhood" not in str(raised.value)


def test_concurrent_threads_each_get_the_clip_of_their_own_text(road: Road) -> None:
    requests = [replace(road.request, text=f"This is number {number}. " * 3) for number in range(4)]
    alone = [b"".join(road.hear(request)[0]) for request in requests]
    with ThreadPoolExecutor(4) as pool:
        together = [b"".join(chunks) for chunks, _ in pool.map(road.hear, requests)]
    assert together == alone
