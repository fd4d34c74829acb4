"""The Realtime voice against a real WebSocket server that speaks the protocol, including its faults."""

from __future__ import annotations

import logging
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.openai_server import OpenAIServer
from ttscache import audio
from ttscache.audio import FORMATS
from ttscache.errors import (
    BrokenAudio,
    KeyRefused,
    ModelRetired,
    ProviderFailed,
    ProviderTimeout,
    ProviderUnavailable,
    QuotaUsedUp,
    Reworded,
    SpeechError,
    TextRefused,
    VoiceNotInUse,
)
from ttscache.price_list import TOKEN_PRICES
from ttscache.providers import sessions
from ttscache.providers.realtime import PART_CHARACTERS, READ_ALOUD, RealtimeVoice, most_usage, websocket_url
from ttscache.providers.refusals import refusal
from ttscache.speech import REALTIME_VOICES, SpeechRequest, is_realtime
from ttscache.token_usage import TokenUsage

pytestmark = pytest.mark.any_database

TEXT = "In 1944 I am ten years old. What place from your childhood comes to mind?"
MODEL = "gpt-realtime-2.1-mini"
PRICE = TOKEN_PRICES[MODEL]


def request(text: str = TEXT, **fields: object) -> SpeechRequest:
    return SpeechRequest(**({"text": text, "voice": "marin", "model": MODEL} | fields))  # type: ignore[arg-type]


def voice(server: OpenAIServer, *, first_byte: float = 10, timeout: float = 30) -> RealtimeVoice:
    return RealtimeVoice(
        api_key="sk-of-a-test",
        base_url=server.base_url,
        first_byte_seconds=first_byte,
        timeout_seconds=timeout,
    )


def failure(speaker: RealtimeVoice, speech: SpeechRequest | None = None) -> SpeechError:
    with pytest.raises(SpeechError) as raised:
        speaker.speak(speech or request())
    return raised.value


def usd(usage: TokenUsage | None) -> float:
    return PRICE.usd(usage) if usage else 0.0


def test_a_second_call_with_one_voice_reuses_the_open_session(openai: OpenAIServer) -> None:
    speaker = voice(openai)
    for name in ("marin", "marin", "cedar", "marin"):
        speaker.speak(request(voice=name))
    assert openai.session_count() == 2
    speaker.close()
    speaker.speak(request())
    assert openai.session_count() == 3


def test_a_session_that_was_closed_meanwhile_is_opened_anew() -> None:
    with OpenAIServer() as server:
        speaker = voice(server)
        speaker.speak(request())
        server.stop()
        server.start()
        assert speaker.speak(request()).transcript == TEXT


def test_a_session_in_which_a_call_failed_is_not_used_again(openai: OpenAIServer) -> None:
    speaker = voice(openai)
    openai.behave(fault="failed", first_calls=1)
    failure(speaker)
    assert speaker.speak(request()).transcript == TEXT
    assert openai.session_count() == 2


def test_a_session_that_is_idle_for_long_is_closed(
    openai: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    speaker = voice(openai)
    speaker.speak(request())
    monkeypatch.setattr(sessions, "IDLE_SECONDS", 0)
    speaker.speak(request())
    assert openai.session_count() == 2


def test_preloading_a_realtime_model_makes_no_call(openai: OpenAIServer) -> None:
    voice(openai).preload()
    assert openai.calls() == []


def test_a_realtime_clip_has_its_transcript_and_usage(openai: OpenAIServer) -> None:
    clip = voice(openai).speak(request())
    audio.check_whole(audio.examine(clip.pcm, "pcm"), TEXT)
    assert clip.transcript == TEXT
    assert not clip.usage.is_estimate
    assert usd(clip.usage) == pytest.approx(openai.bill_usd())


@pytest.mark.parametrize("audio_format", list(FORMATS))
def test_a_realtime_clip_is_whole_in_every_format(openai: OpenAIServer, audio_format: str) -> None:
    clip, _ = voice(openai).speak_encoded(request(audio_format=audio_format))
    audio.check_whole(audio.examine(clip, audio_format), TEXT)


@pytest.mark.parametrize("name", REALTIME_VOICES)
def test_every_realtime_voice_speaks(openai: OpenAIServer, name: str) -> None:
    assert voice(openai).speak(request(voice=name)).pcm
    assert [call.voice for call in openai.calls()] == [name]


def test_the_message_is_the_text_and_the_instructions_say_how_to_read_it(openai: OpenAIServer) -> None:
    voice(openai).speak(request(instructions="Softly.", speed=1.2))
    (call,) = openai.calls()
    assert (call.text, call.speed) == (TEXT, 1.2)
    assert call.instructions == f"{READ_ALOUD}\n\nSoftly."


def test_numbers_may_be_written_either_way(openai: OpenAIServer) -> None:
    """The stand-in repeats the text it gets, so the test changes the text and not the transcript."""
    assert voice(openai).speak(request("It was nineteen forty-four.")).transcript


@pytest.mark.parametrize(
    ("fault", "written", "spoken"), [("reword", "", "sure"), ("contract", "i am", "i'm")]
)
def test_a_reworded_realtime_clip_is_refused_and_paid_for(
    openai: OpenAIServer, fault: str, written: str, spoken: str, caplog: pytest.LogCaptureFixture
) -> None:
    openai.behave(fault=fault)
    with caplog.at_level(logging.DEBUG, logger="ttscache"):
        error = failure(voice(openai))
    assert isinstance(error, Reworded) and error.is_retryable
    assert [(found.written, found.spoken) for found in error.differences] == [(written, spoken)]
    assert usd(error.usage) == pytest.approx(openai.bill_usd()) and openai.bill_usd() > 0
    for said in (str(error), repr(error), error.recorded_as, caplog.text):
        assert spoken not in said.lower().replace("reworded", "") and "childhood" not in said


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("break_off", ProviderFailed),
        ("hang_up", ProviderFailed),
        ("failed", ProviderFailed),
        ("content_filter", TextRefused),
        ("max_output_tokens", BrokenAudio),
        ("no_transcript", BrokenAudio),
        ("garbage", BrokenAudio),
        ("endless", BrokenAudio),
    ],
)
def test_each_realtime_fault_maps_to_one_of_our_errors(
    openai: OpenAIServer, fault: str, kind: type[SpeechError]
) -> None:
    openai.behave(fault=fault)
    error = failure(voice(openai))
    assert type(error) is kind
    assert "childhood" not in str(error)


def test_silence_is_noticed_when_the_clip_is_examined(openai: OpenAIServer) -> None:
    openai.behave(fault="silence")
    clip, _ = voice(openai).speak_encoded(request())
    with pytest.raises(BrokenAudio, match="silence"):
        audio.examine(clip, "mp3")


@pytest.mark.parametrize(
    ("status", "kind", "on_text"),
    [
        (400, TextRefused, ""),
        (400, TextRefused, "childhood"),
        (401, KeyRefused, ""),
        (401, KeyRefused, "childhood"),
        (403, KeyRefused, ""),
        (404, ModelRetired, ""),
        (404, ModelRetired, "childhood"),
        (410, ModelRetired, ""),
        (410, ModelRetired, "childhood"),
        (429, ProviderUnavailable, ""),
        (429, ProviderUnavailable, "childhood"),
        (500, ProviderFailed, ""),
        (500, ProviderFailed, "childhood"),
        (503, ProviderUnavailable, ""),
    ],
)
def test_a_refusal_is_one_of_our_errors_in_the_handshake_and_in_the_session(
    openai: OpenAIServer, status: int, kind: type[SpeechError], on_text: str
) -> None:
    openai.behave(fault=status, on_text=on_text)
    error = failure(voice(openai))
    assert type(error) is kind
    assert usd(error.usage) == openai.bill_usd() == 0


@pytest.mark.parametrize("on_text", ["", "childhood"])
def test_retry_after_of_a_realtime_refusal_is_read(openai: OpenAIServer, on_text: str) -> None:
    openai.behave(fault=429, retry_after_seconds=90, on_text=on_text)
    error = failure(voice(openai))
    assert error.retry_after_seconds == 90
    assert isinstance(error, ProviderUnavailable) and error.recorded_as == "provider_busy"


def test_a_model_that_is_gone_is_named(openai: OpenAIServer) -> None:
    error = failure(voice(openai), request(model="gpt-realtime-0"))
    assert isinstance(error, ModelRetired)
    assert (error.model, error.code, error.is_retryable) == ("gpt-realtime-0", "model_retired", False)


def test_a_voice_that_the_model_lacks_is_no_refusal_of_the_text(openai: OpenAIServer) -> None:
    error = failure(voice(openai), request(voice="nova"))
    assert type(error) is VoiceNotInUse and not error.is_retryable
    assert openai.bill_usd() == 0


def test_a_wrong_address_is_no_retired_model() -> None:
    error = refusal({"message": "Invalid URL (GET /v2/realtime)"}, model=MODEL, status=404)
    assert type(error) is ProviderUnavailable and not error.is_retryable
    assert error.recorded_as == "wrong_address"


def test_a_404_that_names_the_model_is_a_retired_model() -> None:
    error = refusal({"message": f"There is no {MODEL} here"}, model=MODEL, status=404)
    assert type(error) is ModelRetired


def test_a_quota_that_is_used_up_is_a_matter_for_operators() -> None:
    assert type(refusal({"code": "insufficient_quota"}, model=MODEL, status=429)) is QuotaUsedUp


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("try again in 6.2s.", 6.2),
        ("Please try again in 350ms.", 0.35),
        ("try again in 1m30s", 90),
        ("no", None),
    ],
)
def test_a_wait_that_only_the_message_tells_is_understood(message: str, seconds: float | None) -> None:
    error = refusal({"code": "rate_limit_exceeded", "message": message}, model=MODEL)
    assert error.retry_after_seconds == seconds


@pytest.mark.parametrize(
    "behaviour",
    [
        {"fault": "never"},
        {"first_byte_delay_seconds": 5},
        {"chunks": 50, "chunk_delay_seconds": 0.2},
    ],
)
def test_a_realtime_call_without_progress_times_out(
    openai: OpenAIServer, behaviour: dict[str, object]
) -> None:
    openai.behave(**behaviour)
    assert type(failure(voice(openai, first_byte=0.5, timeout=0.5))) is ProviderTimeout


def test_a_server_that_is_gone_is_unavailable() -> None:
    error = failure(RealtimeVoice(api_key="sk", base_url="http://127.0.0.1:1/v1"))
    assert type(error) is ProviderUnavailable
    assert usd(error.usage) == 0


def test_no_realtime_call_costs_more_than_its_reservation(openai: OpenAIServer) -> None:
    for text in (TEXT, "Yes.", "Well then. " * 40):
        clip = voice(openai).speak(request(text))
        assert usd(clip.usage) <= usd(most_usage(request(text)))


def test_texts_of_more_than_a_few_sentences_are_parts() -> None:
    text = "This is a sentence of a long life. " * 40
    parts = RealtimeVoice(api_key="sk").parts(request(text.strip()))
    assert len(parts) == 3
    assert all(len(part.text) <= PART_CHARACTERS and part.text.endswith("life.") for part in parts)


def test_the_name_of_the_model_decides_whether_it_uses_the_realtime_api() -> None:
    assert is_realtime("gpt-realtime-2.1-mini") and is_realtime("gpt-realtime")
    assert not is_realtime("tts-1-hd") and not is_realtime("gpt-4o-mini-tts")


@pytest.mark.parametrize(
    ("base", "address"),
    [
        ("", ""),
        ("http://127.0.0.1:9000/v1", "ws://127.0.0.1:9000/v1"),
        ("https://api.openai.com/v1", "wss://api.openai.com/v1"),
    ],
)
def test_the_realtime_address_follows_the_http_address(base: str, address: str) -> None:
    assert websocket_url(base) == address


# Each fault hits one call in twenty.
FAULTS = ("reword", "contract", "silence", "break_off", "failed", "content_filter", "no_transcript", 429)


def test_many_realtime_calls_cost_the_billed_amount_and_none_is_kept_reworded(
    openai: OpenAIServer,
) -> None:
    """Silent clips are found later, when the clip is examined."""
    dice = random.Random(11)
    texts = [f"I am number {number} of the stories that I tell." for number in range(200)]
    for number in range(len(texts)):
        if dice.random() < 0.05 * len(FAULTS):
            openai.behave_also(fault=dice.choice(FAULTS), on_text=f"number {number} ")
    speaker, spent, kept = voice(openai), [0.0], list[str]()
    lock = threading.Lock()

    def speak(text: str) -> bool:
        usage, transcript = None, ""
        try:
            clip = speaker.speak(request(text))
            usage, transcript = clip.usage, clip.transcript
            audio.examine(clip.pcm, "pcm")
        except SpeechError as error:
            usage, transcript = usage or error.usage, ""
        with lock:
            spent[0] += usd(usage)
            if transcript:
                kept.append(transcript)
        return bool(transcript)

    with ThreadPoolExecutor(4) as pool:
        kept_count = sum(pool.map(speak, texts))
    assert spent[0] == pytest.approx(openai.bill_usd(), abs=0.005)
    assert 100 < kept_count < 190
    assert set(kept) < set(texts)
