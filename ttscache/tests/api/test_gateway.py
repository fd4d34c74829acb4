"""POST /v1/audio/speech and what belongs to it, in the test process, with a fake voice."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from django.test import Client

from harness.api_calls import body_of, say
from harness.clips import TEXT, spoken
from harness.counted_requests import outcomes
from harness.fake_voice import FakeVoice
from ttscache import audio, wiring
from ttscache.errors import ModelRetired, ProviderUnavailable, TextRefused
from ttscache.models import ApiToken, Clip, ModelNotice, WarmRun
from ttscache.renditions.retirement import note_gone
from ttscache.wiring import speech_cache

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("voice")]


def speak(client: Client, **fields: Any) -> Any:
    body = {"model": "tts-1-hd", "voice": "nova", "input": TEXT, "response_format": "pcm"} | fields
    return client.post("/v1/audio/speech", body, content_type="application/json")


def told(response: Any) -> dict[str, Any]:
    error: dict[str, Any] = response.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert isinstance(error["message"], str)
    assert response["Cache-Control"] == "no-store"
    return error


class TestSpeech:
    def test_a_text_is_spoken_once_and_is_a_hit_afterwards(self, caller: Client, voice: FakeVoice) -> None:
        first = speak(caller)
        assert body_of(first) == spoken(voice.calls[0])
        second = speak(caller)

        assert body_of(second) == spoken(voice.calls[0])
        assert first["Cache-Status"] == "lifereview; fwd=miss; detail=generated"
        assert second["Cache-Status"] == "lifereview; hit; detail=memory"
        assert second["Content-Type"] == "audio/pcm"
        assert len(voice.calls) == 1
        assert outcomes() == {"generated": 1, "memory": 1}

    def test_our_own_model_is_the_live_rendition(self, caller: Client, voice: FakeVoice) -> None:
        body_of(say(caller, TEXT))
        answer = speak(caller, model="life-review")
        assert answer["Cache-Status"] == "lifereview; hit; detail=memory"
        assert len(voice.calls) == 1

    def test_a_voice_may_be_named_by_an_object(self, caller: Client, voice: FakeVoice) -> None:
        body_of(speak(caller, voice={"id": "onyx"}))
        assert voice.calls[0].voice == "onyx"

    def test_speed_and_instructions_make_clips_of_their_own(self, caller: Client, voice: FakeVoice) -> None:
        for fields in ({}, {"speed": 1.25}, {"instructions": "Softly."}):
            body_of(speak(caller, model="gpt-4o-mini-tts", **fields))
        assert [(call.speed, call.instructions) for call in voice.calls] == [
            (1.0, ""),
            (1.25, ""),
            (1.0, "Softly."),
        ]

    def test_instructions_mean_nothing_to_a_model_that_ignores_them(
        self, caller: Client, voice: FakeVoice
    ) -> None:
        body_of(speak(caller))
        body_of(speak(caller, instructions="Softly."))
        assert len(voice.calls) == 1

    def test_unknown_fields_and_accept_headers_are_ignored(self, caller: Client) -> None:
        body = {"model": "tts-1", "voice": "nova", "input": TEXT, "response_format": "pcm", "odd": [1]}
        answer = caller.post(
            "/v1/audio/speech", body, content_type="application/json", headers={"Accept": "image/png"}
        )
        assert answer.status_code == 200

    @pytest.mark.parametrize("kind", ["wav", "flac", "mp3", "opus", "aac"])
    def test_a_format_that_is_not_stored_is_converted_once(
        self, caller: Client, voice: FakeVoice, kind: str
    ) -> None:
        pcm = body_of(speak(caller))

        first, second = (speak(caller, response_format=kind) for _ in range(2))

        assert len(voice.calls) == 1
        assert body_of(first) == body_of(second)
        assert second["Content-Type"] == audio.FORMATS[kind].media_type
        facts = audio.examine(body_of(second), kind)
        assert facts.duration_ms == pytest.approx(len(pcm) / 48, abs=120)
        assert Clip.objects.with_audio().count() == 2

    def test_a_lossy_clip_becomes_a_lossless_one_and_no_other_lossy_one(
        self, caller: Client, voice: FakeVoice
    ) -> None:
        body_of(speak(caller, response_format="mp3"))
        body_of(speak(caller, response_format="opus"))
        assert len(voice.calls) == 2
        body_of(speak(caller, response_format="wav"))
        assert len(voice.calls) == 2


class TestEvents:
    def test_the_clip_comes_as_events_that_join_to_its_bytes(self, caller: Client, voice: FakeVoice) -> None:
        for _ in range(2):
            answer = speak(caller, model="gpt-4o-mini-tts", stream_format="sse")
            assert answer["Content-Type"] == "text/event-stream; charset=utf-8"
            lines = [line for line in body_of(answer).decode().split("\n\n") if line]
            events = [json.loads(line.removeprefix("data: ")) for line in lines]
            assert {event["type"] for event in events[:-1]} == {"speech.audio.delta"}
            clip = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
            assert clip == spoken(voice.calls[0])
            assert events[-1]["type"] == "speech.audio.done"
            usage = events[-1]["usage"]
            assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
        assert len(voice.calls) == 1

    def test_models_that_cannot_send_events_refuse_them(self, caller: Client) -> None:
        answer = speak(caller, model="tts-1", stream_format="sse")
        assert (answer.status_code, told(answer)["param"]) == (400, "stream_format")


class TestRefusals:
    @pytest.mark.parametrize(
        ("fields", "param", "code"),
        [
            ({"input": None}, "input", "missing_required_parameter"),
            ({"input": ""}, "input", "string_below_min_length"),
            ({"input": "…"}, "input", "empty_text"),
            ({"input": "a\x00b"}, "input", "bad_text"),
            ({"input": 7}, "input", "invalid_type"),
            ({"input": "a" * 4097}, "input", "string_above_max_length"),
            ({"model": None}, "model", "missing_required_parameter"),
            ({"model": ["tts-1"]}, "model", "invalid_type"),
            ({"voice": None}, "voice", "missing_required_parameter"),
            ({"voice": "nobody"}, "voice", "invalid_value"),
            ({"voice": {"id": 3}}, "voice", "invalid_type"),
            ({"voice": {"name": "nova"}}, "voice", "missing_required_parameter"),
            ({"response_format": "midi"}, "response_format", "invalid_value"),
            ({"response_format": {}}, "response_format", "invalid_value"),
            ({"speed": 5}, "speed", "invalid_value"),
            ({"speed": 10**400}, "speed", "invalid_value"),
            ({"speed": "1"}, "speed", "invalid_type"),
            ({"speed": True}, "speed", "invalid_type"),
            ({"instructions": "a" * 4097}, "instructions", "string_above_max_length"),
            ({"stream_format": "ndjson"}, "stream_format", "invalid_value"),
            ({"model": "life-review", "voice": "alloy"}, "voice", "invalid_value"),
        ],
    )
    def test_a_wrong_parameter_is_named(
        self, caller: Client, voice: FakeVoice, fields: dict[str, Any], param: str, code: str
    ) -> None:
        answer = speak(caller, **fields)
        error = told(answer)
        assert (answer.status_code, error["param"], error["code"]) == (400, param, code)
        assert error["type"] == "invalid_request_error"
        assert not voice.calls

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"7", b"\xff", b"[" * 100_000])
    def test_a_body_that_is_no_object_is_refused(self, caller: Client, body: bytes) -> None:
        answer = caller.post("/v1/audio/speech", body, content_type="application/json")
        assert answer.status_code == 400
        assert told(answer)["type"] == "invalid_request_error"

    @pytest.mark.parametrize(("model", "is_named"), [("gpt-9", True), ("I was born in a village.", False)])
    def test_an_unknown_model_is_named_only_if_it_can_be_a_name(
        self, caller: Client, model: str, is_named: bool
    ) -> None:
        answer = caller.get(f"/v1/models/{model}")
        assert (answer.status_code, told(answer)["code"]) == (404, "model_not_found")
        assert (model in told(answer)["message"]) is is_named

    def test_a_caller_without_a_valid_token_is_refused(self, transactional_db: None) -> None:
        for client in (Client(), Client(headers={"Authorization": "Bearer nonsense"})):
            answer = speak(client)
            assert (answer.status_code, told(answer)["code"]) == (401, "invalid_api_key")

    def test_speech_needs_a_token_even_where_free_text_is_open_to_anyone(
        self, client: Client, caller: Client, settings: Any, voice: FakeVoice
    ) -> None:
        settings.TTSCACHE = {**settings.TTSCACHE, "allow_anonymous_text": True}
        speech_cache().synthesizer.provider = voice

        assert body_of(say(client, TEXT))
        answer = speak(client)

        assert (answer.status_code, told(answer)["code"]) == (401, "invalid_api_key")
        assert speak(caller).status_code == 200

    def test_a_wrong_method_and_an_unknown_address_have_the_same_shape(self, caller: Client) -> None:
        assert told(caller.get("/v1/audio/speech"))["type"] == "invalid_request_error"
        for address in ("/v1/readyz", "/v1/", "/v1/chat/completions", "/v1"):
            answer = caller.get(address)
            assert (answer.status_code, told(answer)["code"]) == (404, "unknown_url")

    def test_a_refused_text_a_service_that_is_down_and_a_spent_rate_keep_their_status(
        self, caller: Client, voice: FakeVoice
    ) -> None:
        for error, status, code in (
            (TextRefused(), 400, "content_policy_violation"),
            (ProviderUnavailable(retry_after_seconds=900), 503, "provider_unavailable"),
        ):
            voice.errors = [error] * 3
            answer = speak(caller, input=f"{TEXT} {code}")
            assert (answer.status_code, told(answer)["code"]) == (status, code)
        assert int(answer["Retry-After"]) <= 60


class TestModelsThatSpeakNoMore:
    def test_a_retired_model_is_spoken_by_the_live_rendition_of_that_voice(
        self, caller: Client, voice: FakeVoice
    ) -> None:
        note_gone("tts-1")

        first = speak(caller, model="tts-1")
        assert body_of(first) == spoken(voice.calls[0])
        second = speak(caller, model="tts-1")

        assert voice.calls[0].model == "tts-1-hd"
        assert first["Cache-Status"] == "lifereview; fwd=miss; detail=substituted"
        assert second["Cache-Status"] == "lifereview; hit; detail=substituted"
        assert len(voice.calls) == 1
        assert not Clip.objects.filter(model="tts-1").exists()

    def test_a_model_found_to_be_retired_is_substituted_in_the_same_call(
        self, caller: Client, voice: FakeVoice
    ) -> None:
        voice.errors = [ModelRetired("tts-1")]

        answer = speak(caller, model="tts-1")

        assert answer.status_code == 200
        assert answer["Cache-Status"] == "lifereview; fwd=miss; detail=substituted"
        assert ModelNotice.objects.get(model="tts-1").gone_at is not None

    def test_a_stored_clip_of_a_retired_model_still_plays_in_any_format(
        self, caller: Client, voice: FakeVoice
    ) -> None:
        body_of(speak(caller, model="tts-1", response_format="mp3", voice="alloy"))
        note_gone("tts-1")

        for kind in ("mp3", "wav", "opus"):
            answer = speak(caller, model="tts-1", response_format=kind, voice="alloy")
            assert answer.status_code == 200
            assert "substituted" not in answer["Cache-Status"]
        assert len(voice.calls) == 1

    def test_another_voice_of_a_retired_model_is_not_found(self, caller: Client, voice: FakeVoice) -> None:
        note_gone("tts-1")
        answer = speak(caller, model="tts-1", voice="alloy")
        assert (answer.status_code, told(answer)["code"]) == (404, "model_not_found")
        assert not voice.calls

    def test_a_site_with_the_embedded_voice_alone_answers_every_model(
        self, caller: Client, settings: Any
    ) -> None:
        settings.TTSCACHE = {**settings.TTSCACHE, "provider": "embedded", "openai_api_key": ""}
        wiring.forget()

        answer = speak(caller, model="tts-1", response_format="mp3", input="Good morning.")

        assert answer.status_code == 200
        assert audio.begins_as(body_of(answer), "mp3")
        assert answer["Cache-Status"] == "lifereview; fwd=miss; detail=substituted"
        assert Clip.objects.get().model == "embedded"


class TestLists:
    def test_models_and_voices_are_listed_without_a_token(self, transactional_db: None) -> None:
        client = Client()
        models = client.get("/v1/models").json()
        assert models["object"] == "list"
        assert [model["id"] for model in models["data"]] == ["life-review", "tts-1-hd"]
        one = client.get("/v1/models/tts-1-hd").json()
        assert one in models["data"]
        assert one.keys() == {"id", "object", "created", "owned_by", "shutdown_date"}
        ids = [{"id": model["id"]} for model in models["data"]]
        assert client.get("/v1/audio/models").json() == {"models": ids}
        voices = client.get("/v1/audio/voices").json()["voices"]
        assert voices[:2] == [{"id": "nova", "name": "nova"}, {"id": "onyx", "name": "onyx"}]
        assert told(client.get("/v1/models/nothing"))["code"] == "model_not_found"


class TestTokens:
    def client_with(self, **fields: Any) -> Client:
        return Client(headers={"Authorization": f"Bearer {ApiToken.issue('limited', **fields)}"})

    def test_a_daily_budget_ends_new_clips_and_no_hit(self, voice: FakeVoice) -> None:
        price = len(TEXT) * 30e-6
        client = self.client_with(daily_budget_usd=price * 1.5)
        body_of(speak(client))

        refused = speak(client, input=f"{TEXT} More.")

        assert (refused.status_code, told(refused)["code"]) == (429, "insufficient_quota")
        assert refused["x-should-retry"] == "false"
        assert speak(client).status_code == 200
        assert len(voice.calls) == 1

    def test_a_daily_budget_holds_at_every_door(self, voice: FakeVoice) -> None:
        client = self.client_with(daily_budget_usd=len(TEXT) * 30e-6 * 1.5)
        body_of(say(client, TEXT))

        refused = say(client, f"{TEXT} More.")

        assert (refused.status_code, refused.json()["code"]) == (503, "budget_exhausted")
        assert say(client, TEXT).status_code == 200
        assert len(voice.calls) == 1

    def test_a_rate_of_its_own_limits_a_token(self, voice: FakeVoice) -> None:
        client = self.client_with(rate_a_minute=2)
        statuses = [speak(client, input=f"{TEXT} {number}").status_code for number in "abc"]
        assert statuses == [200, 200, 429]

    def test_a_token_does_only_what_its_scopes_allow(self, voice: FakeVoice) -> None:
        figures = self.client_with(may_speak=False)
        assert speak(figures).status_code == 403
        assert say(figures, TEXT).status_code == 403
        assert figures.get("/api/cache-stats").status_code == 200
        ApiToken.objects.all().delete()
        speech = self.client_with(may_read_figures=False)
        assert speech.get("/api/cache-stats").status_code == 403
        assert speech.get("/metrics").status_code == 403
        assert speak(speech).status_code == 200

    def test_a_withdrawn_or_expired_token_is_refused(self, voice: FakeVoice) -> None:
        client = self.client_with()
        assert speak(client).status_code == 200
        assert ApiToken.objects.get().withdraw()
        assert speak(client).status_code == 401


class TestPrefetch:
    def prefetch(self, client: Client, items: Any, **more: Any) -> Any:
        body = {"items": items, **more}
        return client.post("/v1/audio/prefetch", body, content_type="application/json")

    def test_a_dry_run_tells_coverage_and_price_and_starts_nothing(
        self, caller: Client, voice: FakeVoice
    ) -> None:
        body_of(speak(caller))
        item = {"model": "tts-1-hd", "voice": "nova", "input": TEXT, "response_format": "pcm"}
        answer = self.prefetch(caller, [item, {**item, "input": "Another."}], dry_run=True).json()
        assert (answer["total"], answer["ready"], answer["missing"], answer["run"]) == (2, 1, 1, None)
        assert (answer["characters"], answer["cost_usd"]) == (8, pytest.approx(8 * 30e-6))
        assert not WarmRun.objects.exists()

    def test_missing_clips_are_made_in_a_run_that_can_be_followed(
        self, caller: Client, voice: FakeVoice
    ) -> None:
        answer = self.prefetch(caller, [{"voice": "nova", "input": "Another."}])
        assert answer.status_code == 202
        assert caller.get(answer.json()["status_url"]).json()["total"] == 1
        assert Clip.objects.get().content_text == "Another."

    @pytest.mark.parametrize("name", ["nova", "alloy"])
    def test_stored_clips_of_a_retired_model_are_ready_and_not_bought_again(
        self, caller: Client, voice: FakeVoice, name: str
    ) -> None:
        item = {"model": "tts-1", "voice": name, "input": TEXT}
        body_of(speak(caller, **item, response_format="mp3"))
        note_gone("tts-1")

        items = [item, {**item, "response_format": "opus"}]
        answer = self.prefetch(caller, items)

        assert answer.status_code == 200
        assert (answer.json()["ready"], answer.json()["missing"]) == (1, 0)

    def test_a_clip_that_is_only_converted_costs_nothing(self, caller: Client, voice: FakeVoice) -> None:
        body_of(speak(caller, response_format="mp3"))
        item = {"model": "tts-1-hd", "voice": "nova", "input": TEXT}
        answer = self.prefetch(caller, [{**item, "response_format": "wav"}], dry_run=True).json()
        assert (answer["ready"], answer["missing"], answer["cost_usd"]) == (1, 0, 0)

    @pytest.mark.parametrize(
        ("items", "param"),
        [
            (None, "items"),
            ([], "items"),
            ([{}] * 501, "items"),
            ([7], "items[0]"),
            ([{"voice": "nova", "input": "a"}, {"voice": "nobody", "input": "a"}], "items[1].voice"),
        ],
    )
    def test_a_wrong_item_is_named(self, caller: Client, items: Any, param: str) -> None:
        answer = self.prefetch(caller, items)
        assert (answer.status_code, told(answer)["param"]) == (400, param)
