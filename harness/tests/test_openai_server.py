from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import av
import httpx2
import numpy as np
import numpy.typing as npt
import openai as official
import pytest

from harness.http import BrokenTransfer, Response, at_once, get, json_headers, post_json, stream_json
from harness.openai_server import OpenAIServer
from harness.speech_api.server import DRIP_SECONDS
from harness.speech_api.sound import CODINGS
from harness.waiting import wait_until

TEXT = "Tell me about the house you grew up in, and who lived there with you."
KEY = {"Authorization": "Bearer sk-test"}


def spoken(text: str = TEXT, **other: Any) -> dict[str, object]:
    return {"model": "tts-1-hd", "voice": "nova", "input": text, **other}


def speak(server: OpenAIServer, text: str = TEXT, **other: Any) -> Response:
    return post_json(f"{server.base_url}/audio/speech", spoken(text, **other), KEY)


def decoded(audio: bytes) -> npt.NDArray[np.float64]:
    with av.open(io.BytesIO(audio), "r") as container:
        frames = [frame.to_ndarray().astype(np.float64) for frame in container.decode(audio=0)]
    return np.concatenate(frames, axis=1)


def seconds(audio: bytes) -> float:
    with av.open(io.BytesIO(audio), "r") as container:
        frames = list(container.decode(audio=0))
    return sum(frame.samples for frame in frames) / frames[0].sample_rate


@pytest.fixture
def client(openai: OpenAIServer) -> Iterator[official.OpenAI]:
    with official.OpenAI(base_url=openai.base_url, api_key="sk-test", max_retries=0) as client:
        yield client


class TestSpeech:
    @pytest.mark.parametrize("audio_format", [name for name in CODINGS if name != "pcm"])
    def test_stand_in_audio_decodes_and_lasts_as_long_as_the_text(
        self, openai: OpenAIServer, audio_format: str
    ) -> None:
        response = speak(openai, response_format=audio_format)
        assert response.headers["Content-Type"] == CODINGS[audio_format].media_type
        assert seconds(response.body) == pytest.approx(len(TEXT) / 15, abs=0.2)

    def test_stand_in_pcm_is_plain_samples(self, openai: OpenAIServer) -> None:
        samples = np.frombuffer(speak(openai, response_format="pcm").body, "<i2")
        assert len(samples) / 24_000 == pytest.approx(len(TEXT) / 15, abs=0.1)
        assert np.sqrt(np.mean((samples / 32768) ** 2)) > 0.05

    def test_stand_in_audio_follows_the_speed(self, openai: OpenAIServer) -> None:
        assert seconds(speak(openai, speed=2).body) == pytest.approx(len(TEXT) / 30, abs=0.2)

    def test_stand_in_audio_differs_by_text_and_voice(self, openai: OpenAIServer) -> None:
        other: list[dict[str, Any]]
        other = [{"voice": "onyx"}, {"model": "tts-1"}, {"text": TEXT[::-1]}, {"speed": 1.1}]
        clips = [speak(openai, **change).body for change in [*other, {}, {}]]
        assert clips[-1] == clips[-2]
        assert len(set(clips)) == len(other) + 1

    def test_the_official_client_streams(self, client: official.OpenAI, openai: OpenAIServer) -> None:
        openai.behave(gate_after_chunks=1)
        make = client.audio.speech.with_streaming_response.create
        with make(model="tts-1-hd", voice="nova", input=TEXT) as response:
            pieces = response.iter_bytes()
            start = next(pieces)
            openai.release()
            assert start + b"".join(pieces) == speak(openai).body

    def test_the_official_client_lists_models(self, client: official.OpenAI) -> None:
        assert "tts-1-hd" in [model.id for model in client.models.list()]


class TestRefusals:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"input": ""},
            {"input": "x" * 4097},
            {"input": 7},
            {"voice": "nobody"},
            {"voice": ["nova"]},
            {"voice": "ballad"},
            {"response_format": "midi"},
            {"speed": 4.5},
            {"speed": "fast"},
            {"model": ""},
        ],
    )
    def test_stand_in_answers_400_to_a_wrong_request(
        self, openai: OpenAIServer, wrong: dict[str, object]
    ) -> None:
        response = post_json(f"{openai.base_url}/audio/speech", spoken() | wrong, KEY)
        assert response.status == 400
        assert set(response.json()["error"]) == {"message", "type", "param", "code"}
        assert openai.calls() == []

    def test_stand_in_refuses_a_call_without_a_key(self, openai: OpenAIServer) -> None:
        assert post_json(f"{openai.base_url}/audio/speech", spoken()).status == 401
        assert get(f"{openai.base_url}/models").status == 401

    def test_stand_in_answers_404_to_an_unknown_model(self, client: official.OpenAI) -> None:
        with pytest.raises(official.NotFoundError, match="does not exist"):
            client.audio.speech.create(model="tts-9", voice="nova", input=TEXT)

    def test_stand_in_can_be_started_with_further_voices(self) -> None:
        with OpenAIServer(extra_voices=("my_voice",)) as server:
            assert speak(server, voice="my_voice").status == 200


class TestFaults:
    @pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 429, 500, 503])
    def test_a_fault_can_be_any_http_status(
        self, openai: OpenAIServer, client: official.OpenAI, status: int
    ) -> None:
        openai.behave(fault=status, retry_after_seconds=7)
        with pytest.raises(official.APIStatusError) as caught:
            client.audio.speech.create(model="tts-1-hd", voice="nova", input=TEXT)
        assert caught.value.status_code == status
        assert caught.value.response.headers.get("Retry-After") == ("7" if status in (429, 503) else None)
        assert [call.outcome for call in openai.calls()] == [str(status)]

    def test_a_fault_can_be_an_html_page(self, openai: OpenAIServer) -> None:
        openai.behave(fault="html")
        assert speak(openai).headers["Content-Type"] == "text/html"

    def test_a_fault_can_be_an_empty_body(self, openai: OpenAIServer) -> None:
        openai.behave(fault="empty")
        assert (speak(openai).status, speak(openai).body) == (200, b"")

    def test_a_fault_can_be_half_a_clip_that_looks_whole_to_http(self, openai: OpenAIServer) -> None:
        whole = speak(openai).body
        openai.behave(fault="half")
        assert speak(openai).body == whole[: len(whole) // 2]

    def test_a_fault_can_be_a_broken_transfer(self, openai: OpenAIServer, client: official.OpenAI) -> None:
        openai.behave(fault="break_off")
        with pytest.raises(BrokenTransfer):
            speak(openai)
        make = client.audio.speech.with_streaming_response.create
        with (
            pytest.raises(httpx2.RemoteProtocolError),
            make(model="tts-1-hd", voice="nova", input=TEXT) as response,
        ):
            response.read()

    def test_a_fault_can_be_silence_of_the_right_length(self, openai: OpenAIServer) -> None:
        openai.behave(fault="silence")
        silence = decoded(speak(openai, response_format="flac").body)
        assert silence.shape[1] / 24_000 == pytest.approx(len(TEXT) / 15, abs=0.2)
        assert not silence.any()

    def test_a_fault_can_be_a_short_clip(self, openai: OpenAIServer) -> None:
        openai.behave(fault="short")
        assert seconds(speak(openai).body) < len(TEXT) / 15 / 5

    @pytest.mark.parametrize("audio_format", [name for name in CODINGS if name != "pcm"])
    def test_a_fault_can_be_bytes_that_do_not_decode(self, openai: OpenAIServer, audio_format: str) -> None:
        openai.behave(fault="garbage")
        garbage = speak(openai, response_format=audio_format).body
        with pytest.raises((av.FFmpegError, IndexError)):
            decoded(garbage)

    @pytest.mark.parametrize(("wanted", "given"), [("mp3", "wav"), ("wav", "mp3"), ("opus", "wav")])
    def test_a_fault_can_be_another_audio_format(self, openai: OpenAIServer, wanted: str, given: str) -> None:
        openai.behave(fault="wrong_format")
        response = speak(openai, response_format=wanted)
        assert response.headers["Content-Type"] == CODINGS[wanted].media_type
        with av.open(io.BytesIO(response.body)) as container:
            assert container.format.name == given

    def test_a_fault_can_be_a_byte_a_second(self, openai: OpenAIServer) -> None:
        openai.behave(fault="drip")
        address = f"{openai.base_url}/audio/speech"
        begin = time.monotonic()
        with stream_json(address, spoken(), KEY) as dripping:
            (_, byte), (second, _) = next(iter(dripping)), next(iter(dripping))
        assert len(byte) == 1
        assert second - begin >= DRIP_SECONDS
        wait_until(lambda: openai.calls()[0].outcome == "client_gone", "it notices that nobody listens")

    def test_a_fault_can_be_an_answer_that_never_comes(self, openai: OpenAIServer) -> None:
        openai.behave(fault="never")
        with pytest.raises(TimeoutError):
            post_json(f"{openai.base_url}/audio/speech", spoken(), KEY, timeout_seconds=0.3)
        wait_until(lambda: openai.calls()[0].outcome == "client_gone", "it notices that nobody waits")

    def test_a_fault_can_be_a_closed_connection(self, openai: OpenAIServer) -> None:
        openai.behave(fault="hang_up")
        with pytest.raises(ConnectionError):
            speak(openai)
        assert openai.calls()[0].outcome == "hang_up"

    def test_an_outage_of_the_stand_in_includes_the_model_list(self, openai: OpenAIServer) -> None:
        openai.behave(fault=503)
        assert get(f"{openai.base_url}/models", KEY).status == 503
        openai.behave(fault=503, first_calls=5)
        assert get(f"{openai.base_url}/models", KEY).status == 200

    def test_stand_in_refuses_an_unknown_fault(self, openai: OpenAIServer) -> None:
        with pytest.raises(ValueError, match="break_off"):
            openai.behave(fault="breakoff")
        with pytest.raises(ValueError, match="unexpected keyword"):
            openai.behave(falt="half")


class TestControl:
    def test_a_fault_can_concern_only_the_first_calls(self, openai: OpenAIServer) -> None:
        openai.behave(fault=500, first_calls=2)
        assert [speak(openai).status for _ in range(3)] == [500, 500, 200]

    def test_a_fault_of_some_texts_can_stand_beside_another_fault(self, openai: OpenAIServer) -> None:
        openai.behave(fault=500, on_text="garden")
        openai.behave_also(fault=429, first_calls=1)
        texts = ["the garden", "the house", "the house", "a garden"]
        assert [speak(openai, text).status for text in texts] == [500, 429, 200, 500]

    def test_stand_in_takes_the_time_it_is_told(self, openai: OpenAIServer) -> None:
        pace = {"headers_delay_seconds": 0.2, "first_byte_delay_seconds": 0.1}
        openai.behave(**pace, chunks=4, chunk_delay_seconds=0.1)
        begin = time.monotonic()
        with stream_json(f"{openai.base_url}/audio/speech", spoken(), KEY) as response:
            headers = time.monotonic() - begin
            first, *_, last = [moment - begin for moment, _ in response]
        assert headers >= 0.2
        assert first >= 0.3
        assert last >= 0.6

    @pytest.mark.parametrize("chunks", [0, 2, 4])
    def test_a_gate_holds_until_it_is_released(self, openai: OpenAIServer, chunks: int) -> None:
        whole = speak(openai).body
        openai.behave(chunks=4, gate_after_chunks=chunks)
        with stream_json(f"{openai.base_url}/audio/speech", spoken(), KEY) as response:
            heard = b""
            pieces = iter(response)
            while len(heard) < chunks * len(whole) // 4:
                heard += next(pieces)[1]
            assert openai.calls()[-1].outcome is None
            openai.release()
            assert heard + b"".join(piece for _, piece in pieces) == whole
        assert openai.calls()[-1].outcome == "completed"

    def test_a_gate_can_hold_the_headers(self, openai: OpenAIServer) -> None:
        openai.behave(gate_before_headers=True)
        with pytest.raises(TimeoutError):
            post_json(f"{openai.base_url}/audio/speech", spoken(), KEY, timeout_seconds=0.2)

    def test_reset_releases_waiting_clients(self, openai: OpenAIServer) -> None:
        openai.behave(gate_after_chunks=0)
        with stream_json(f"{openai.base_url}/audio/speech", spoken(), KEY) as response:
            openai.reset()
            assert b"".join(piece for _, piece in response)
        assert openai.calls() == []

    def test_a_client_that_leaves_is_noticed(self, openai: OpenAIServer) -> None:
        openai.behave(gate_after_chunks=2)
        with closing(stream_json(f"{openai.base_url}/audio/speech", spoken(), KEY)) as response:
            next(iter(response))
        wait_until(lambda: openai.calls()[0].outcome == "client_gone", "it notices that nobody listens")

    def test_stand_in_logs_each_call(self, openai: OpenAIServer) -> None:
        speak(openai, voice="onyx", speed=1.5)
        (call,) = openai.calls()
        assert (call.text, call.voice, call.model, call.audio_format) == (TEXT, "onyx", "tts-1-hd", "mp3")
        assert call.first_byte_at is not None
        assert call.ended_at is not None
        assert call.started_at <= call.first_byte_at <= call.ended_at

    def test_stand_in_answers_two_hundred_calls_at_once(self, openai: OpenAIServer) -> None:
        openai.behave(gate_after_chunks=1)
        pending = at_once(201, lambda index: speak(openai) if index < 200 else release_at(openai, 200))
        assert {len(response.body) for response in pending if isinstance(response, Response)} == {
            len(speak(openai).body)
        }
        assert openai.peak_concurrency() == 200

    def test_stand_in_can_be_down_and_come_back(self) -> None:
        with OpenAIServer() as server:
            server.stop()
            with pytest.raises(ConnectionError):
                speak(server)
            server.start()
            assert speak(server).status == 200


def release_at(server: OpenAIServer, count: int) -> None:
    wait_until(lambda: len(server.calls()) == count, "all of them called")
    server.release()


def test_stand_in_json_has_its_headers() -> None:
    assert json_headers(KEY)["Content-Type"] == "application/json"
