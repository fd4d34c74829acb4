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
class Case:
    """A provider, and a request that it can speak."""

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
def case(request: Any, openai: OpenAIServer) -> Case:
    voice, model = "marin" if request.param == "Realtime" else "nova", MODELS[request.param]
    speech = SpeechRequest(text=TEXT, voice=voice, model=model, audio_format="pcm")
    if model == EMBEDDED_MODEL:
        return Case(EmbeddedProvider(), speech)
    return Case(OpenAIProvider(api_key="sk-of-a-test", base_url=openai.base_url, preloads=model), speech)


def test_a_provider_speaks_only_its_own_models(case: Case) -> None:
    is_embedded = isinstance(case.provider, EmbeddedProvider)
    assert case.provider.can_speak(case.request)
    for model in MODELS.values():
        is_own = (model == EMBEDDED_MODEL) == is_embedded
        assert case.provider.can_speak(replace(case.request, model=model)) == is_own


@pytest.mark.parametrize("audio_format", list(audio.FORMATS))
def test_a_clip_is_whole_in_every_format(case: Case, audio_format: str) -> None:
    chunks, _ = case.hear(replace(case.request, audio_format=audio_format))
    audio.check_whole(audio.examine(b"".join(chunks), audio_format), TEXT)


def test_a_provider_that_does_not_stream_sends_one_piece(case: Case) -> None:
    chunks, _ = case.hear()
    assert chunks
    assert case.provider.streams(case.request) or len(chunks) == 1


def test_a_call_of_a_priced_model_costs_what_was_set_aside_at_most(case: Case) -> None:
    chunks, usage = case.hear()
    seconds = len(b"".join(chunks)) / 2 / audio.PCM_RATE
    cost = cost_usd(case.request, seconds, usage)
    assert is_priced(case.request.model)
    assert cost <= most_usd(case.request)
    assert cost == pytest.approx(list_price_usd(case.request.model, len(TEXT)), rel=0.35)
    assert (cost == 0) == (case.request.model == EMBEDDED_MODEL)


def test_parts_are_cut_at_ends_of_sentences_and_lose_no_word(case: Case) -> None:
    text = " ".join(f"This is sentence {number} of a long life." for number in range(300))
    parts = [part.text for part in case.provider.parts(replace(case.request, text=text))]
    assert " ".join(parts) == text
    assert all(part.endswith("life.") for part in parts)


def test_each_part_keeps_voice_speed_and_instructions_of_the_whole(case: Case) -> None:
    request = replace(case.request, instructions="Softly.", audio_format="mp3")
    assert case.provider.parts(request) == [request]


def test_preloading_and_looking_make_no_speech_call(case: Case, openai: OpenAIServer) -> None:
    case.provider.preload()
    assert case.provider.is_well()
    assert openai.calls() == [] and openai.session_count() == 0


def test_an_unknown_voice_raises_one_of_our_errors_without_a_word_of_the_text(case: Case) -> None:
    with pytest.raises(SpeechError) as raised:
        case.hear(replace(case.request, voice="nobody"))
    assert "childhood" not in str(raised.value)


def test_concurrent_threads_each_get_the_clip_of_their_own_text(case: Case) -> None:
    requests = [replace(case.request, text=f"This is number {number}. " * 3) for number in range(4)]
    alone = [b"".join(case.hear(request)[0]) for request in requests]
    with ThreadPoolExecutor(4) as pool:
        together = [b"".join(chunks) for chunks, _ in pool.map(case.hear, requests)]
    assert together == alone
