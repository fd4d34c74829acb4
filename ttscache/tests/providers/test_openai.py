"""The OpenAI provider against a real HTTP server that speaks the protocol, including its faults."""

from __future__ import annotations

from datetime import timedelta

import pytest

from harness.openai_server import OpenAIServer
from ttscache import audio
from ttscache.errors import (
    BrokenAudio,
    KeyRefused,
    ModelRetired,
    ProviderFailed,
    ProviderTimeout,
    ProviderUnavailable,
    SpeechError,
    TextRefused,
)
from ttscache.providers.openai import OpenAIProvider
from ttscache.providers.refusals import is_about_the_text, refusal
from ttscache.speech import SpeechRequest

pytestmark = pytest.mark.any_database

TEXT = "What place from your childhood comes to mind?"


def request(text: str = TEXT, **fields: object) -> SpeechRequest:
    return SpeechRequest(**({"text": text, "voice": "nova", "model": "tts-1-hd"} | fields))  # type: ignore[arg-type]


def provider(server: OpenAIServer, *, first_byte: float = 10, timeout: float = 30) -> OpenAIProvider:
    return OpenAIProvider(
        api_key="sk-of-a-test",
        base_url=server.base_url,
        first_byte_seconds=first_byte,
        timeout_seconds=timeout,
    )


def hear(voice: OpenAIProvider, speech: SpeechRequest | None = None) -> bytes:
    return b"".join(voice.speak(speech or request()))


def failure(voice: OpenAIProvider, speech: SpeechRequest | None = None) -> SpeechError:
    with pytest.raises(SpeechError) as raised:
        hear(voice, speech)
    return raised.value


def test_preloading_the_openai_provider_makes_no_call(openai: OpenAIServer) -> None:
    voice = provider(openai)
    voice.preload()
    assert openai.calls() == []
    assert hear(voice)


def test_an_openai_clip_arrives_whole(openai: OpenAIServer) -> None:
    facts = audio.examine(hear(provider(openai)), "mp3")
    audio.check_whole(facts, TEXT, 1.0)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, TextRefused),
        (401, KeyRefused),
        (403, KeyRefused),
        (404, ModelRetired),
        (410, ModelRetired),
        (429, ProviderUnavailable),
        (500, ProviderFailed),
        (503, ProviderUnavailable),
    ],
)
def test_each_openai_refusal_maps_to_one_of_our_errors(
    openai: OpenAIServer, status: int, kind: type[SpeechError]
) -> None:
    openai.behave(fault=status)
    error = failure(provider(openai))
    assert type(error) is kind
    assert TEXT not in str(error)


def test_a_wrong_address_is_no_retired_model_and_is_not_tried_again(openai: OpenAIServer) -> None:
    voice = OpenAIProvider(api_key="sk", base_url=f"{openai.base_url}/nowhere")
    for model in ("tts-1-hd", "gpt-realtime-2.1-mini"):
        error = failure(voice, request(voice="marin", model=model))
        assert isinstance(error, ProviderUnavailable) and not error.is_retryable
        assert (error.code, error.recorded_as) == ("provider_unavailable", "wrong_address")
        assert "address" in str(error)


def test_a_model_that_the_server_does_not_know_is_named_as_retired(openai: OpenAIServer) -> None:
    error = failure(provider(openai), request(model="tts-0"))
    assert isinstance(error, ModelRetired) and error.model == "tts-0"


@pytest.mark.parametrize(
    "body",
    [
        {"message": "Invalid model name passed in model=tts-9", "type": "invalid_request_error"},
        {"message": "Voice 'x' not found", "type": "invalid_request_error", "code": None, "param": None},
        {"detail": [{"loc": ["body", "voice"], "msg": "field required"}]},
        {"message": "Billing hard limit has been reached", "code": "billing_hard_limit_reached"},
        {},
    ],
)
def test_a_refusal_for_another_reason_is_not_about_the_text(body: dict[str, object]) -> None:
    assert not is_about_the_text(body)


@pytest.mark.parametrize(
    "body",
    [
        {"message": "Your request was rejected.", "type": "invalid_request_error"},
        {"message": "No.", "code": "content_policy_violation"},
        {"message": "Bad.", "type": "invalid_request_error", "param": "input"},
        {
            "message": "[{'type': 'x', 'loc': ('body', 'input'), 'msg': 'no'}]",
            "type": "invalid_request_error",
        },
    ],
)
def test_a_refusal_of_the_words_is_about_the_text(body: dict[str, object]) -> None:
    assert is_about_the_text(body)


def test_a_wrong_address_is_no_retired_model(openai: OpenAIServer) -> None:
    nowhere = OpenAIProvider(api_key="sk-of-a-test", base_url=f"{openai.base_url}/nowhere")
    error = failure(nowhere)
    assert type(error) is ProviderUnavailable and not error.is_retryable
    assert (error.recorded_as, str(error)) == (
        "wrong_address",
        "The voice service is not at the address that is set.",
    )


def test_a_voice_that_the_provider_lacks_is_no_refusal_of_the_text(openai: OpenAIServer) -> None:
    error = failure(provider(openai), request(voice="nobody"))
    assert type(error) is ProviderFailed and not error.is_retryable


@pytest.mark.parametrize("fault", ["drip_headers", "never", "drip"])
def test_an_openai_call_without_progress_times_out(openai: OpenAIServer, fault: str) -> None:
    openai.behave(fault=fault)
    assert type(failure(provider(openai, first_byte=0.5, timeout=1))) is ProviderTimeout


def test_a_server_that_is_gone_is_unavailable(openai: OpenAIServer) -> None:
    voice = OpenAIProvider(api_key="sk", base_url="http://127.0.0.1:1/v1")
    error = failure(voice)
    assert type(error) is ProviderUnavailable and not error.may_cost


def test_a_body_without_an_end_is_given_up_early(openai: OpenAIServer) -> None:
    openai.behave(fault="endless", chunks=1)
    received = 0
    with pytest.raises(BrokenAudio):
        for chunk in provider(openai).speak(request()):
            received += len(chunk)
    assert received < 4 * 1024**2


@pytest.mark.parametrize("is_date", [False, True])
def test_retry_after_of_openai_is_read(openai: OpenAIServer, is_date: bool) -> None:
    openai.behave(fault=503, retry_after_seconds=90, retry_after_is_a_date=is_date)
    seconds = failure(provider(openai)).retry_after_seconds
    assert seconds is not None
    assert timedelta(seconds=60) < timedelta(seconds=seconds) <= timedelta(seconds=90)


def test_an_html_page_is_not_taken_as_audio(openai: OpenAIServer) -> None:
    openai.behave(fault="html")
    assert type(failure(provider(openai))) is BrokenAudio


def test_a_look_at_openai_is_free_and_reports_its_state(openai: OpenAIServer) -> None:
    assert provider(openai).is_well()
    openai.behave(fault=401)
    assert provider(openai).is_well(), "a key may be good for speech alone"
    for fault in (500, 503, "hang_up"):
        openai.behave(fault=fault)
        assert not provider(openai).is_well()
    assert openai.calls() == []


def test_a_long_text_is_cut_at_ends_of_sentences() -> None:
    text = "This is a sentence of a long life. " * 300
    parts = OpenAIProvider(api_key="sk").parts(request(text.strip()))
    assert len(parts) == 3
    assert all(len(part.text) <= 4_096 and part.text.endswith("life.") for part in parts)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_model_that_the_key_may_not_use_is_no_refused_key(status: int) -> None:
    """OpenAI answers so where a project has no access to a model; the key is good for others."""
    said = "Project `proj_1` does not have access to model `tts-1-hd`"
    body = {"message": said, "type": "invalid_request_error", "code": "model_not_found"}
    error = refusal(body, model="tts-1-hd", status=status)
    assert isinstance(error, ModelRetired) and error.model == "tts-1-hd"
    assert "switched this model off (tts-1-hd), or the API key may not use it" in error.for_staff()
