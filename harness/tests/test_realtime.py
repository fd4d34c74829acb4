"""The stand-in for the Realtime API, called with the client library that the product uses."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from typing import Any

import openai as official
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from harness.openai_server import OpenAIServer
from harness.waiting import wait_until

TEXT = "Where did you live when I am to believe that you were six?"
MODEL = "gpt-realtime-2.1-mini"


@pytest.fixture
def client(openai: OpenAIServer) -> Iterator[official.OpenAI]:
    with official.OpenAI(base_url=openai.base_url, api_key="sk-test", max_retries=0) as client:
        yield client


def session(**output: Any) -> dict[str, Any]:
    speech = {"format": {"type": "audio/pcm", "rate": 24_000}, "voice": "marin", "speed": 1.0} | output
    return {
        "type": "realtime",
        "output_modalities": ["audio"],
        "audio": {"output": speech},
        "instructions": "Read aloud.",
        "tracing": None,
    }


def response(text: str = TEXT) -> dict[str, Any]:
    content = [{"type": "input_text", "text": text}]
    return {"conversation": "none", "input": [{"type": "message", "role": "user", "content": content}]}


def converse(client: official.OpenAI, text: str = TEXT, *, model: str = MODEL, **output: Any) -> list[Any]:
    """Return all events up to the end of the response or to the first error."""
    events = []
    with client.realtime.connect(model=model) as connection:
        for event in connection:
            events.append(event)
            if event.type == "session.created":
                connection.session.update(session=session(**output))  # type: ignore[arg-type]
                connection.response.create(response=response(text))  # type: ignore[arg-type]
            if event.type in ("response.done", "error"):
                return events
    return events


def sound(events: list[Any]) -> bytes:
    return b"".join(
        base64.b64decode(event.delta) for event in events if event.type == "response.output_audio.delta"
    )


def transcripts(events: list[Any]) -> list[str]:
    return [event.transcript for event in events if event.type == "response.output_audio_transcript.done"]


class TestSession:
    def test_the_realtime_stand_in_speaks_the_text_and_sends_a_transcript(
        self, client: official.OpenAI
    ) -> None:
        events = converse(client)
        assert [event.type for event in events[:3]] == [
            "session.created",
            "session.updated",
            "response.created",
        ]
        assert len(sound(events)) / 48_000 == pytest.approx(len(TEXT) / 15, abs=0.1)
        assert transcripts(events) == [TEXT]
        assert events[-1].response.status == "completed"

    def test_the_realtime_stand_in_reports_and_bills_its_usage(
        self, client: official.OpenAI, openai: OpenAIServer
    ) -> None:
        events = converse(client)
        usage = events[-1].response.usage
        audio = usage.output_token_details.audio_tokens
        assert audio == pytest.approx(len(sound(events)) / 48_000 * 20, abs=1)
        text = usage.input_tokens * 0.60 + usage.output_token_details.text_tokens * 2.40
        assert openai.bill_usd() == pytest.approx((text + audio * 20) / 1e6)
        openai.reset()
        assert openai.bill_usd() == 0

    def test_the_realtime_stand_in_answers_several_times_in_one_session(
        self, client: official.OpenAI, openai: OpenAIServer
    ) -> None:
        with client.realtime.connect(model=MODEL) as connection:
            connection.session.update(session=session())  # type: ignore[arg-type]
            for text in ("One.", "Two."):
                connection.response.create(response=response(text))  # type: ignore[arg-type]
            said = []
            for event in connection:
                if event.type == "response.output_audio_transcript.done":
                    said.append(event.transcript)
                if len(said) == 2:
                    break
        assert said == ["One.", "Two."]

    def test_calls_are_logged_like_those_over_http(
        self, client: official.OpenAI, openai: OpenAIServer
    ) -> None:
        converse(client, voice="cedar", speed=1.25)
        (call,) = openai.calls()
        assert (call.text, call.voice, call.model, call.speed) == (TEXT, "cedar", MODEL, 1.25)
        assert (call.instructions, call.audio_format, call.outcome) == ("Read aloud.", "pcm", "completed")

    @pytest.mark.parametrize(("output", "param"), [({"voice": "nova"}, "voice"), ({"speed": 2.0}, "speed")])
    def test_the_realtime_stand_in_refuses_wrong_session_settings(
        self, client: official.OpenAI, output: dict[str, Any], param: str
    ) -> None:
        error = converse(client, **output)[-1]
        assert error.type == "error"
        assert error.error.param == f"session.audio.output.{param}"

    def test_the_realtime_stand_in_ends_a_session_of_an_unknown_model(self, client: official.OpenAI) -> None:
        (error,) = converse(client, model="gpt-realtime-9")
        assert error.error.code == "model_not_found"

    def test_the_realtime_stand_in_can_be_started_with_further_voices(self) -> None:
        with (
            OpenAIServer(extra_voices=("my_voice",)) as server,
            official.OpenAI(base_url=server.base_url, api_key="sk") as client,
        ):
            assert sound(converse(client, voice="my_voice"))


class TestFaults:
    @pytest.mark.parametrize("status", [401, 403, 404, 410, 429, 500, 503])
    def test_statuses_refuse_the_handshake(
        self, openai: OpenAIServer, client: official.OpenAI, status: int
    ) -> None:
        openai.behave(fault=status, retry_after_seconds=7)
        with pytest.raises(InvalidStatus) as caught:
            converse(client)
        assert caught.value.response.status_code == status
        assert caught.value.response.headers.get("Retry-After") == ("7" if status in (429, 503) else None)
        assert b'"error"' in (caught.value.response.body or b"")
        assert [call.outcome for call in openai.calls()] == [str(status)]

    def test_statuses_of_some_texts_are_errors_in_the_session(
        self, openai: OpenAIServer, client: official.OpenAI
    ) -> None:
        openai.behave(fault=429, on_text="six", retry_after_seconds=7)
        error = converse(client)[-1].error
        assert error.code == "rate_limit_exceeded"
        assert "Please try again in 7s" in error.message

    def test_the_fault_of_the_first_calls_passes(self, openai: OpenAIServer, client: official.OpenAI) -> None:
        openai.behave(fault=503, first_calls=1)
        with pytest.raises(InvalidStatus):
            converse(client)
        assert sound(converse(client))

    def test_a_realtime_fault_can_be_other_words(self, openai: OpenAIServer, client: official.OpenAI) -> None:
        openai.behave(fault="reword")
        assert transcripts(converse(client)) == [f"Sure! {TEXT}"]
        openai.behave(fault="contract")
        assert transcripts(converse(client)) == [TEXT.replace("I am", "I'm")]

    def test_a_realtime_fault_can_be_a_missing_transcript(
        self, openai: OpenAIServer, client: official.OpenAI
    ) -> None:
        openai.behave(fault="no_transcript")
        events = converse(client)
        assert sound(events) and transcripts(events) == []

    def test_a_realtime_fault_can_be_silence_of_the_right_length(
        self, openai: OpenAIServer, client: official.OpenAI
    ) -> None:
        openai.behave(fault="silence")
        heard = sound(converse(client))
        assert heard and not any(heard)

    @pytest.mark.parametrize("reason", ["content_filter", "max_output_tokens"])
    def test_a_realtime_fault_can_be_an_incomplete_response(
        self, openai: OpenAIServer, client: official.OpenAI, reason: str
    ) -> None:
        openai.behave(fault=reason)
        done = converse(client)[-1].response
        assert (done.status, done.status_details.reason) == ("incomplete", reason)
        assert done.usage.output_tokens > 0

    def test_a_realtime_fault_can_be_a_failed_response(
        self, openai: OpenAIServer, client: official.OpenAI
    ) -> None:
        openai.behave(fault="failed")
        done = converse(client)[-1].response
        assert (done.status, done.status_details.error.type) == ("failed", "server_error")

    def test_a_break_in_the_middle_is_billed(self, openai: OpenAIServer, client: official.OpenAI) -> None:
        openai.behave(fault="break_off")
        with pytest.raises(ConnectionClosed):
            converse(client)
        assert 0 < openai.bill_usd() < len(TEXT) / 15 * 20 * 20 / 1e6

    def test_a_realtime_fault_can_be_an_answer_that_never_comes(
        self, openai: OpenAIServer, client: official.OpenAI
    ) -> None:
        openai.behave(fault="never")
        with client.realtime.connect(model=MODEL) as connection:
            connection.session.update(session=session())  # type: ignore[arg-type]
            connection.response.create(response=response())  # type: ignore[arg-type]
            wait_until(lambda: bool(openai.calls()), "it hears the call")
        wait_until(lambda: openai.calls()[0].outcome == "never", "it notices that nobody waits")

    def test_the_realtime_stand_in_takes_the_time_it_is_told(
        self, openai: OpenAIServer, client: official.OpenAI
    ) -> None:
        openai.behave(first_byte_delay_seconds=0.2, chunks=3, chunk_delay_seconds=0.1)
        start = time.monotonic()
        converse(client)
        assert time.monotonic() - start >= 0.4

    def test_a_gate_holds_the_realtime_stand_in_until_it_is_released(
        self, openai: OpenAIServer, client: official.OpenAI
    ) -> None:
        openai.behave(chunks=4, gate_after_chunks=2)
        with client.realtime.connect(model=MODEL) as connection:
            connection.session.update(session=session())  # type: ignore[arg-type]
            connection.response.create(response=response())  # type: ignore[arg-type]
            kinds = []
            for event in connection:
                kinds.append(event.type)
                if kinds.count("response.output_audio.delta") == 2 and openai.calls()[-1].outcome is None:
                    openai.release()
                if event.type == "response.done":
                    break
        assert kinds.count("response.output_audio.delta") == 4


class TestModels:
    def test_the_model_list_of_the_stand_in_has_shutdown_dates(
        self, openai: OpenAIServer, client: official.OpenAI
    ) -> None:
        openai.shut_down_on({"tts-1": "2027-01-06"})
        dates = {model.id: model.shutdown_date for model in client.models.list()}
        assert (dates["tts-1"], dates[MODEL]) == ("2027-01-06", None)
        assert client.models.retrieve("tts-1").shutdown_date == "2027-01-06"

    def test_the_stand_in_answers_404_to_a_model_that_is_gone(self, client: official.OpenAI) -> None:
        with pytest.raises(official.NotFoundError, match="does not exist"):
            client.models.retrieve("tts-9")
