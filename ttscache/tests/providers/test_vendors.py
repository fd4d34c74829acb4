"""Services that differ from OpenAI: a real HTTP server of each kind, and error messages of many vendors."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from harness.clips import entry
from harness.fake_voice import free_ledger
from harness.field_clips import ERROR_AS_AUDIO, field_answer
from harness.openai_server import OpenAIServer
from ttscache import audio
from ttscache.errors import (
    BrokenAudio,
    FormatRefused,
    InputTooLong,
    ProviderFailed,
    SpeedOutOfRange,
    TextRefused,
)
from ttscache.generation.job import GenerationJob
from ttscache.generation.recording import Recording
from ttscache.generation.synthesizer import Synthesizer
from ttscache.models import Spending
from ttscache.providers.openai import OpenAIProvider
from ttscache.providers.vendors import FEWEST_CHARACTERS, Vendor
from ttscache.speech import MOST_CHARACTERS_OF_A_CALL, SpeechRequest

TEXT = "What place from your childhood comes to mind?"
LONG = " ".join(f"This is sentence {number} about a long and winding life." for number in range(10, 40))
MP3 = b"\xff\xf3\x64\xc4\x00\x00\x00\x00"  # a frame header of MPEG-2, layer III
QUIET = b"\xff\xff\x00\x00\xff\xff\x01\x00"  # samples that look like the start of an MP3 frame
NOISE = random.Random(1).randbytes(10_000)
PROFILES = ("no_speed", "limit_500", "pcm_only", "always_pcm", "raw_pcm", "short_wav")
MODEL = "my-model"


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, OpenAIServer]]:
    started = {profile: OpenAIServer(profile=profile) for profile in PROFILES}
    try:
        for server in started.values():
            server.start()
        yield started
    finally:
        for server in started.values():
            server.stop()


@pytest.fixture
def vendor(servers: dict[str, OpenAIServer], request: pytest.FixtureRequest) -> OpenAIServer:
    """A server of the kind that the test's mark names."""
    server = servers[request.param]
    server.reset()
    return server


def of_kind(*profiles: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vendor", profiles, indirect=True)


def spoken(text: str = TEXT, **fields: Any) -> SpeechRequest:
    return SpeechRequest(**{"text": text, "voice": "ada", "model": MODEL} | fields)


def voice_at(server: OpenAIServer) -> OpenAIProvider:
    return OpenAIProvider(api_key="sk-of-a-test", base_url=server.base_url)


def hear(voice: OpenAIProvider, speech: SpeechRequest) -> bytes:
    return b"".join(voice.speak(speech))


def synthesized(server: OpenAIServer, speech: SpeechRequest) -> bytes:
    """Return the clip that the synthesizer makes of the text with this server."""
    synthesizer = Synthesizer(voice_at(server), free_ledger())
    return synthesizer.synthesize(GenerationJob(speech, "narrative"), Recording(lambda _: entry())).audio


@pytest.mark.any_database
class TestSpeed:
    @of_kind("no_speed")
    def test_a_vendor_without_a_speed_field_is_not_sent_one(self, vendor: OpenAIServer) -> None:
        audio.check_whole(audio.examine(hear(voice_at(vendor), spoken()), "mp3"), TEXT, 1.0)
        assert [call.outcome for call in vendor.calls()] == ["completed"]

    @of_kind("no_speed")
    def test_a_speed_that_a_vendor_lacks_is_refused_in_plain_words(self, vendor: OpenAIServer) -> None:
        with pytest.raises(SpeedOutOfRange, match="cannot speak faster or slower"):
            hear(voice_at(vendor), spoken(speed=1.2))

    def test_a_vendor_with_a_speed_field_is_sent_the_speed(self, openai: OpenAIServer) -> None:
        hear(voice_at(openai), spoken(model="tts-1-hd", voice="nova", speed=1.5))
        assert [call.speed for call in openai.calls()] == [1.5]


@pytest.mark.any_database
class TestFormat:
    @of_kind("pcm_only", "always_pcm", "raw_pcm", "short_wav")
    @pytest.mark.parametrize("audio_format", ["mp3", "opus", "aac", "flac", "wav", "pcm"])
    def test_pcm_from_a_vendor_is_encoded_here(self, vendor: OpenAIServer, audio_format: str) -> None:
        facts = audio.examine(hear(voice_at(vendor), spoken(audio_format=audio_format)), audio_format)
        audio.check_whole(facts, TEXT, 1.0)

    @of_kind("pcm_only", "short_wav")
    def test_a_format_that_a_vendor_lacks_is_asked_for_once(self, vendor: OpenAIServer) -> None:
        voice = voice_at(vendor)
        assert voice.streams(spoken()), "nobody knows better yet"
        first, second = (hear(voice, spoken()) for _ in range(2))
        assert first == second
        assert not voice.streams(spoken()), "an encoded clip comes whole"
        assert len(vendor.calls()) == 2

    @of_kind("pcm_only")
    def test_concurrent_callers_learn_the_format_of_a_vendor_once(self, vendor: OpenAIServer) -> None:
        voice = voice_at(vendor)
        heard: list[bytes] = []
        threads = [threading.Thread(target=lambda: heard.append(hear(voice, spoken()))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(heard) == 8 and len(set(heard)) == 1

    @of_kind("always_pcm")
    def test_a_clip_that_is_cut_off_before_it_is_encoded_may_have_cost(self, vendor: OpenAIServer) -> None:
        vendor.behave(fault="break_off")
        with pytest.raises(ProviderFailed) as raised:
            hear(voice_at(vendor), spoken())
        assert raised.value.may_cost

    def test_a_service_that_sends_no_format_at_all_is_given_up(self) -> None:
        vendor, speech = Vendor(), spoken()
        refusal = {"message": "unsupported response_format", "param": "response_format"}
        tried = []
        while True:
            tried.append(vendor.format_for(speech))
            error = vendor.refusal(refusal, 400, speech, tried[-1])
            assert isinstance(error, FormatRefused)
            if not error.is_to_be_retried:
                break
        assert tried == ["mp3", "pcm", "wav"]

    @pytest.mark.parametrize(
        ("content_type", "start", "audio_format", "rate"),
        [
            ("audio/mpeg", MP3, "mp3", 24_000),
            ("application/problem+json", MP3, "mp3", 24_000),
            ("text/html", MP3, "mp3", 24_000),
            ("", MP3, "mp3", 24_000),
            ("", b"ID3\x04\x00\x00\x00\x00", "mp3", 24_000),
            ("application/octet-stream", MP3, "mp3", 24_000),
            ("application/octet-stream", QUIET, "pcm", 24_000),
            ("", QUIET, "pcm", 24_000),
            ("audio/pcm", QUIET, "pcm", 24_000),
            ("audio/PCM; rate=16000; channels=1", QUIET, "pcm", 16_000),
            ("audio/x-wav", b"RIFF\x24\0\0\0WAVE", "wav", 24_000),
            ("audio/x-wav", MP3, "mp3", 24_000),
        ],
    )
    def test_the_first_bytes_say_what_was_sent_before_the_media_type_does(
        self, content_type: str, start: bytes, audio_format: str, rate: int
    ) -> None:
        sent = Vendor().sent(content_type, start, "mp3")
        assert (sent.audio_format, sent.sample_rate) == (audio_format, rate)

    @pytest.mark.parametrize(
        "content_type",
        ["audio/mpeg", "audio/wav", "audio/pcm", "application/problem+json", "application/octet-stream", ""],
    )
    @pytest.mark.parametrize("wanted", audio.FORMATS)
    def test_an_error_in_words_is_no_audio_whatever_its_label_says(
        self, content_type: str, wanted: str
    ) -> None:
        with pytest.raises(BrokenAudio, match="not audio") as refused:
            Vendor().sent(content_type, field_answer(ERROR_AS_AUDIO)[:64], wanted)
        assert not refused.value.is_about_text

    @pytest.mark.parametrize(
        "content_type", ["audio/pcm; channels=2", "audio/pcm; rate=fast", "audio/pcm;rate=7"]
    )
    def test_pcm_that_nobody_can_read_is_broken(self, content_type: str) -> None:
        with pytest.raises(BrokenAudio):
            Vendor().sent(content_type, QUIET, "mp3")

    @pytest.mark.parametrize("wanted", ["mp3", "pcm"])
    def test_pcm_of_another_rate_lasts_as_long(self, wanted: str) -> None:
        second = (b"\x00\x10" * 80 + b"\x00\xf0" * 80) * 100  # a hum
        sent = Vendor().sent("audio/pcm;rate=16000", second, "pcm")
        clip = sent.converted(second, spoken(audio_format=wanted))
        assert audio.examine(clip, wanted).duration_ms == pytest.approx(1_000, abs=60)

    @pytest.mark.parametrize("clip", [b"", b"\x00" * 999, NOISE, b"RIFF" * 100])
    def test_bytes_that_cannot_be_speech_samples_are_broken(self, clip: bytes) -> None:
        with pytest.raises(BrokenAudio):
            audio.convert(clip, "pcm", "mp3")


@pytest.mark.django_db(transaction=True)
class TestLength:
    @of_kind("limit_500", "short_wav")
    def test_a_long_text_is_made_in_parts_that_the_service_takes(self, vendor: OpenAIServer) -> None:
        speech = spoken(LONG)
        audio.check_whole(audio.examine(synthesized(vendor, speech), "mp3"), LONG, 1.0)
        said = [call.text for call in vendor.calls() if call.outcome == "completed"]
        assert sorted(" ".join(said).split()) == sorted(LONG.split()), "each word once"
        assert all(text.endswith(".") for text in said), "cut at ends of sentences"

    @of_kind("limit_500")
    def test_a_length_limit_of_a_vendor_is_learned_once_at_no_cost(self, vendor: OpenAIServer) -> None:
        voice, ledger = voice_at(vendor), free_ledger()
        synthesizer = Synthesizer(voice, ledger)
        for text in (LONG, LONG.replace("life", "road")):
            job = GenerationJob(spoken(text), "narrative")
            synthesizer.synthesize(job, Recording(lambda _: entry()))
        ledger.flush()
        calls = dict(Spending.objects.values_list("outcome", "calls"))
        assert calls.pop("ok") == len(vendor.calls())
        assert set(calls) == {"input_too_long"} and calls["input_too_long"] <= 4
        assert voice.parts(spoken(LONG)) != [spoken(LONG)]
        assert not synthesizer.circuit.is_open


@pytest.mark.any_database
class TestRefusals:
    TOO_LONG: tuple[dict[str, object], ...] = (
        {"message": "[{'type': 'string_too_long', 'loc': ('body', 'input'), 'msg': 'too long'}]"},
        {"message": "Input text is too long", "type": "invalid_request_error"},
        {"message": "no", "code": "string_above_max_length", "param": "input"},
        {"detail": [{"type": "string_too_long", "loc": ["body", "input"], "msg": "..."}]},
        {"message": "Text exceeds the maximum allowed length of characters"},
        {"message": "The maximum number of characters is lower than that"},
    )

    @pytest.mark.parametrize("body", TOO_LONG)
    def test_a_refusal_as_too_long_halves_the_length_limit_of_a_vendor(self, body: dict[str, object]) -> None:
        vendor, speech = Vendor(), spoken("x" * 4_000)
        assert isinstance(vendor.refusal(body, 400, speech, "mp3"), InputTooLong)
        assert vendor.most_characters(MODEL) == 2_000
        assert vendor.most_characters("another") == MOST_CHARACTERS_OF_A_CALL

    @pytest.mark.parametrize(
        "message",
        [
            "String should have at most 500 characters",
            "Input too long: 4,000 characters, the maximum is 500 characters",
            "input exceeds the limit of 500 chars",
        ],
    )
    def test_a_limit_named_in_a_refusal_becomes_the_length_limit_of_the_vendor(self, message: str) -> None:
        vendor = Vendor()
        vendor.refusal({"message": message}, 422, spoken("x" * 4_000), "mp3")
        assert vendor.most_characters(MODEL) == 500

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({"message": "Your request was rejected by our safety system."}, 400),
            ({"message": "This was a long day, too long a text to say"}, 500),
            ({"message": "instructions are too long", "param": "instructions"}, 400),
            ({"message": "Voice 'ada' not found"}, 400),
            ({}, 400),
        ],
    )
    def test_other_refusals_of_a_vendor_follow_the_general_rules(
        self, body: dict[str, object], status: int
    ) -> None:
        vendor = Vendor()
        assert vendor.refusal(body, status, spoken("x" * 4_000), "mp3") is None
        assert vendor.most_characters(MODEL) == MOST_CHARACTERS_OF_A_CALL

    def test_a_refusal_that_quotes_the_text_is_not_read_as_too_long(self) -> None:
        text = "The road was too long for us, and the response_format of my speech was odd. " * 3
        body: dict[str, object] = {"detail": [{"loc": ["body", "input"], "msg": "declined", "input": text}]}
        assert Vendor().refusal(body, 422, spoken(text), "mp3") is None

    def test_parts_are_never_cut_smaller_than_a_sentence_or_two(self) -> None:
        vendor = Vendor()
        for length in (4_000, 2_000, 1_000, 500, 250, 125):
            vendor.refusal({"message": "too long"}, 413, spoken("x" * length), "mp3")
        assert vendor.most_characters(MODEL) == FEWEST_CHARACTERS
        assert vendor.refusal({"message": "too long"}, 413, spoken("x" * 90), "mp3") is None


@pytest.mark.any_database
@of_kind("limit_500")
def test_a_text_that_a_vendor_refuses_raises_text_refused(vendor: OpenAIServer) -> None:
    vendor.behave(fault=400)
    with pytest.raises(TextRefused):
        hear(voice_at(vendor), spoken())
