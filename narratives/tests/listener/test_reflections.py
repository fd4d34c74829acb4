"""POST /api/reflections and the two earlier calls, in this process and against the stand-in."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache as django_cache
from django.db import OperationalError
from django.test import Client

from harness.api_calls import Reflect, request_statements
from harness.openai_server import OpenAIServer
from narratives.listener import reflection_sound, reflections
from narratives.models import BankReflection, Journey, Narrative, OfferedReflection, PublicationEntry
from narratives.reflections import reflecting
from narratives.text.reflection_rules import problems
from ttscache import wiring
from ttscache.models import ApiToken, Clip, Usage
from ttscache.renditions.current import refresh_renditions
from ttscache.renditions.retirement import note_gone

pytestmark = pytest.mark.django_db(transaction=True)

ANSWER = "We lived above the bakery and I woke to the smell of bread."
URGENT = "I want to end it all tonight."


def played(url: str) -> Any:
    return Client().get(url)


class TestTheAnswer:
    def test_a_reflection_of_the_model_is_answered_before_its_clip_is_made(
        self, chat: OpenAIServer, ask: Reflect
    ) -> None:
        response = ask(ANSWER)

        told = response.json()
        assert response.status_code == 200
        assert response["Cache-Control"] == "no-store"
        assert set(told) == {"success", "text", "source", "level", "reused", "audio"}
        assert (told["source"], told["level"], told["reused"]) == ("model", "none", False)
        assert problems(told["text"]) == []
        assert not told["audio"]["ready"]
        assert chat.calls() == []

        clip = played(told["audio"]["url"])

        assert clip.status_code == 200
        assert b"".join(clip.streaming_content)
        assert [call.text for call in chat.calls()] == [told["text"]]

    def test_a_chosen_reflection_is_reused_and_its_clip_is_a_hit(
        self, chat: OpenAIServer, ask: Reflect
    ) -> None:
        first = ask(ANSWER).json()
        b"".join(played(first["audio"]["url"]).streaming_content)
        chat.behave_as_chat(picks=True)

        again = next(told for _ in range(20) if (told := ask(ANSWER).json())["reused"])

        assert again["text"] == first["text"]
        assert again["audio"]["ready"]
        assert again["audio"]["cues"][0]["start"] == 0
        assert len(chat.calls()) == 1
        assert OfferedReflection.objects.get(text=first["text"]).times_chosen == 1

    def test_a_reflection_that_was_heard_does_not_come_again(self, chat: OpenAIServer, ask: Reflect) -> None:
        first = ask(ANSWER).json()
        again = ask(ANSWER, heard=[first["audio"]["content_hash"]]).json()
        assert again["text"] != first["text"]

    def test_an_urgent_answer_gets_the_safety_words_and_no_model_is_called(
        self, chat: OpenAIServer, ask: Reflect
    ) -> None:
        told = ask(URGENT).json()

        assert (told["source"], told["level"], told["reused"]) == ("safety", "urgent", False)
        assert told["text"].startswith("Thank you for saying that.")
        listed = Client().get("/api/narratives").json()["system"]["safety"]
        assert (told["text"], told["audio"]) == (listed["text"], listed["audio"])
        assert chat.chats() == []

    def test_a_signal_of_danger_from_the_model_leads_to_the_safety_words(
        self, chat: OpenAIServer, ask: Reflect
    ) -> None:
        chat.behave_as_chat(fault="safety")
        told = ask("The tablets are counted out.").json()
        assert (told["source"], told["level"]) == ("safety", "urgent")
        assert told["text"].startswith("Thank you for saying that.")

    @pytest.mark.parametrize(
        "fault", ["500", "429", "410", "html", "garbage", "too_long", "one_sentence", "question", "advice"]
    )
    def test_the_bank_answers_where_the_model_is_of_no_use(
        self, chat: OpenAIServer, ask: Reflect, fault: str
    ) -> None:
        chat.behave_as_chat(fault=fault, retry_after_seconds=9)
        told = ask(ANSWER).json()
        assert told["source"] == "bank"
        assert BankReflection.objects.filter(text=told["text"]).exists()

    def test_a_slow_model_is_not_waited_for_beyond_five_seconds(
        self, chat: OpenAIServer, ask: Reflect
    ) -> None:
        chat.behave_as_chat(delay_seconds=30)
        began = time.monotonic()
        assert ask(ANSWER).json()["source"] == "bank"
        assert time.monotonic() - began < 6

    def test_without_a_key_the_bank_answers(self, without_key: None, ask: Reflect) -> None:
        told = ask(ANSWER).json()

        assert told["source"] == "bank"
        assert Clip.objects.get(content_hash=told["audio"]["content_hash"]).is_shareable
        assert OfferedReflection.objects.get().times_heard == 1

    def test_a_journey_of_heavy_answers_without_a_key_never_hears_a_reflection_twice(
        self, without_key: None, ask: Reflect
    ) -> None:
        themes = Narrative.objects.filter(journey__is_default=True, kind="question").values_list(
            "theme", flat=True
        )
        heard: list[str] = []
        texts: list[str] = []
        for theme in (*themes, *themes):
            told = ask("My uncle was abusive, and nobody spoke of it.", theme, heard=heard).json()
            assert told["level"] == "heavy"
            heard.append(told["audio"]["content_hash"])
            texts.append(told["text"])
        quiet = Narrative.objects.get(journey__is_default=True, slug="sorry_no_reflection").text
        assert len(set(texts[:10]) - {quiet}) == 10
        reflected = [text for text in texts if text != quiet]
        assert len(set(reflected)) == len(reflected)
        assert texts[-1] == quiet  # once all that fit were heard, the journey thanks and goes on

    def test_a_journey_without_its_system_clips_gets_the_shipped_words(
        self, without_key: None, ask: Reflect
    ) -> None:
        PublicationEntry.objects.filter(kind="system").delete()
        BankReflection.objects.all().delete()

        assert ask(URGENT).json()["text"].startswith("Thank you for saying that.")
        told = ask(ANSWER).json()
        assert told["text"].startswith("Thank you for your answer.")
        assert (told["audio"]["url"], told["audio"]["ready"]) == (None, False)


class TestPersonalReflections:
    @pytest.fixture(autouse=True)
    def _quotes(self, chat: OpenAIServer) -> None:
        chat.behave_as_chat(fault="quotes")

    def test_a_personal_reflection_is_whole_in_the_answer_and_kept_nowhere(
        self, chat: OpenAIServer, ask: Reflect
    ) -> None:
        before = Clip.objects.count()

        told = ask(ANSWER).json()

        audio = told["audio"]
        assert "above the bakery" in told["text"]
        assert (audio["content_hash"], audio["ready"]) == (None, True)
        head, _, encoded = audio["url"].partition(",")
        assert head == "data:audio/mpeg;base64"
        assert len(base64.b64decode(encoded)) == audio["bytes"]
        assert audio["cues"][-1]["end"] == len(told["text"])
        assert Clip.objects.count() == before
        assert not OfferedReflection.objects.exists()
        wiring.speech_cache().ledger.flush()
        assert Usage.objects.get(content_type="response").outcome == "generated"

    def test_where_it_cannot_be_spoken_the_words_are_there(self, chat: OpenAIServer, ask: Reflect) -> None:
        chat.behave(fault="400")
        told = ask(ANSWER).json()
        assert "above the bakery" in told["text"]
        assert told["audio"] == {
            "url": None,
            "content_hash": None,
            "ready": False,
            "duration_ms": None,
            "bytes": None,
            "content_type": "audio/mpeg",
        }

    def test_the_words_of_a_reflection_do_not_wait_for_a_voice_that_takes_too_long(
        self, chat: OpenAIServer, ask: Reflect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reflection_sound, "LONGEST_WAIT_SECONDS", 0.2)
        chat.behave(gate_before_headers=True)
        told = ask(ANSWER).json()
        chat.release()
        assert "above the bakery" in told["text"]
        assert not told["audio"]["ready"]

    def test_the_embedded_voice_speaks_it_where_the_settings_say_so(
        self, chat: OpenAIServer, ask: Reflect, settings: Any
    ) -> None:
        settings.TTSCACHE = {**settings.TTSCACHE, "fallback": "embedded"}
        wiring.forget()
        note_gone("tts-1-hd")
        told = ask(ANSWER).json()
        assert told["audio"]["url"].startswith("data:audio/mpeg;base64,")
        assert not Clip.objects.filter(content_text=told["text"]).exists()


class TestFallbackForWhatIsShared:
    def test_the_embedded_voice_speaks_at_once_while_the_model_is_known_to_be_retired(
        self, chat: OpenAIServer, ask: Reflect, settings: Any
    ) -> None:
        settings.TTSCACHE = {**settings.TTSCACHE, "fallback": "embedded"}
        wiring.forget()
        note_gone("tts-1-hd")

        told = ask(ANSWER).json()

        assert (told["audio"]["content_hash"], told["audio"]["ready"]) == (None, True)
        assert told["audio"]["url"].startswith("data:audio/mpeg;base64,")
        spoken = Clip.objects.with_audio().filter(content_text=told["text"])
        assert [clip.model for clip in spoken] == ["embedded"]

    def test_without_a_fallback_the_answer_names_the_clip_all_the_same(
        self, chat: OpenAIServer, ask: Reflect
    ) -> None:
        note_gone("tts-1-hd")
        assert ask(ANSWER).json()["audio"]["url"].startswith("/api/audio/")


class TestRefusals:
    @pytest.mark.parametrize(
        ("answer", "more", "code"),
        [
            ("", {}, "empty_text"),
            (" \n", {}, "empty_text"),
            (None, {}, "empty_text"),
            (7, {}, "empty_text"),
            ("a" * 20_001, {}, "text_too_long"),
            (ANSWER, {"voice": "robot"}, "unknown_voice"),
            (ANSWER, {"heard": ["0" * 32] * 51}, "invalid"),
            (ANSWER, {"heard": "all"}, "invalid"),
            (ANSWER, {"narrative": "1"}, "invalid"),
        ],
    )
    def test_a_senseless_request_is_refused_without_its_words(
        self, without_key: None, ask: Reflect, answer: object, more: dict[str, Any], code: str
    ) -> None:
        response = ask(answer, **more)
        assert (response.status_code, response.json()["code"]) == (400, code)
        assert "bakery" not in response.content.decode()

    @pytest.mark.parametrize(
        "wrong", [{"narrative": 0}, {"narrative": "x"}, {"voice": "robot"}, {"voice": []}, {"heard": 7}]
    )
    def test_an_urgent_answer_gets_its_words_whatever_else_is_wrong(
        self, without_key: None, ask: Reflect, wrong: dict[str, Any]
    ) -> None:
        told = ask(URGENT, **wrong).json()
        assert told["level"] == "urgent"
        assert told["audio"]["content_hash"]

    @pytest.mark.parametrize("length", [20_001, 70_000, 400_000])
    @pytest.mark.parametrize("place", ["start", "middle of what is read", "end"])
    def test_a_cry_for_help_in_an_answer_that_is_too_long_is_heard_all_the_same(
        self, without_key: None, ask: Reflect, length: int, place: str
    ) -> None:
        before = {"start": 0, "end": length}.get(place, min(length, 200_000) // 2 - 2_000)
        words = "We sang in the yard. " * (length // 21 + 1)
        told = ask(f"{words[:before]} {URGENT} {words[before:]}").json()
        assert (told["source"], told["level"]) == ("safety", "urgent")

    def test_a_caller_of_many_overlong_answers_is_told_to_wait(
        self, without_key: None, ask: Reflect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from ttscache.api.throttling import ScopedThrottle

        rates = ScopedThrottle.THROTTLE_RATES | {"reflection_address": "2/min"}
        monkeypatch.setattr(ScopedThrottle, "THROTTLE_RATES", rates)
        assert [ask("a" * 20_001).status_code for _ in range(3)] == [400, 400, 429]

    @pytest.mark.parametrize("narrative", [0, -1, 10**30])
    def test_an_unknown_narrative_is_404(self, without_key: None, ask: Reflect, narrative: int) -> None:
        response = ask(ANSWER, narrative=narrative)
        assert (response.status_code, response.json()["code"]) == (404, "unknown_narrative")

    def test_a_question_of_a_journey_that_is_not_live_is_unknown(
        self, without_key: None, ask: Reflect
    ) -> None:
        hidden = Narrative.objects.filter(journey__is_default=False, kind="question").first()
        assert hidden is not None
        assert ask(ANSWER, narrative=hidden.pk).status_code == 404

    def test_an_answer_of_20000_characters_is_taken(self, without_key: None, ask: Reflect) -> None:
        assert ask("a b " * 5_000).status_code == 200

    def test_hashes_that_are_none_are_ignored(self, without_key: None, ask: Reflect) -> None:
        assert ask(ANSWER, heard=["", "../etc", "Z" * 32]).status_code == 200


class TestThrottling:
    @pytest.fixture(autouse=True)
    def _rates(self, without_key: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        from ttscache.api.throttling import ScopedThrottle

        rates = {"reflection_session": "2/min", "reflection_address": "3/min"}
        monkeypatch.setattr(ScopedThrottle, "THROTTLE_RATES", ScopedThrottle.THROTTLE_RATES | rates)
        yield
        django_cache.clear()

    def test_a_busy_session_is_told_to_wait_and_another_session_goes_on(self, ask: Reflect) -> None:
        assert [ask(ANSWER, session="ours").status_code for _ in range(3)] == [200, 200, 429]
        assert ask(ANSWER, session="theirs").status_code == 200

    def test_an_address_is_told_to_wait_whatever_sessions_it_names(self, ask: Reflect) -> None:
        statuses = [ask(ANSWER, session=f"s{number}").status_code for number in range(4)]
        assert statuses == [200, 200, 200, 429]

    def test_a_caller_who_has_to_wait_reads_a_sentence_and_how_long(self, ask: Reflect) -> None:
        refused = [ask(ANSWER) for _ in range(4)][-1]
        assert refused.json() == {"error": reflections.SLOW_DOWN, "code": "throttled"}
        assert int(refused["Retry-After"]) == 60
        assert refused["Cache-Control"] == "no-store"

    def test_an_urgent_answer_is_never_told_to_wait(self, ask: Reflect) -> None:
        assert {ask(URGENT).status_code for _ in range(5)} == {200}


class TestTrouble:
    def test_an_urgent_answer_gets_its_words_without_a_database(
        self, without_key: None, ask: Reflect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def is_away(*_: object) -> None:
            raise OperationalError

        monkeypatch.setattr(reflections, "_entry_of_journey", is_away)

        told = ask(URGENT).json()

        assert (told["source"], told["level"]) == ("safety", "urgent")
        assert told["text"].startswith("Thank you for saying that.")
        assert told["audio"]["url"] is None
        assert ask(ANSWER).status_code == 503

    def test_a_reflection_is_read_where_its_clip_cannot_be_recorded(
        self, without_key: None, ask: Reflect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def is_away(*_: object) -> None:
            raise OperationalError

        monkeypatch.setattr(reflections, "shared_sound", is_away)

        told = ask(ANSWER).json()

        assert told["text"]
        assert (told["audio"]["url"], told["audio"]["ready"]) == (None, False)


class TestStatements:
    def test_a_reflection_that_is_there_costs_few_statements(
        self, chat: OpenAIServer, ask: Reflect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reflecting, "WITHOUT_OFFER_SHARE", 0)  # every call is offered what is there
        ask(ANSWER)
        chat.behave_as_chat(picks=True)
        # Housekeeping keeps them known in a web process. A slow machine has a minute here, not four seconds.
        monkeypatch.setattr("ttscache.renditions.current.REMEMBERED_SECONDS", 60.0)
        refresh_renditions()
        narrative = Narrative.objects.get(journey__is_default=True, theme="work").pk
        body = {"narrative": narrative, "answer": ANSWER}

        with request_statements() as statements:
            response = Client().post("/api/reflections", body, content_type="application/json")

        assert (response.json()["source"], response.json()["reused"]) == ("model", True)
        assert len(statements) <= 9, "\n".join(statements)


class TestEarlierCalls:
    @pytest.fixture
    def client(self) -> Client:
        return Client(headers={"Authorization": f"Bearer {ApiToken.issue('front end')}"})

    def post(self, client: Client, call: str, answer: str = ANSWER, **more: Any) -> Any:
        body = {"question": "What has filled your days?", "answer": answer, **more}
        return client.post(f"/api/{call}", body, content_type="application/json")

    def test_analyze_gives_the_words(self, chat: OpenAIServer, client: Client) -> None:
        response = self.post(client, "analyze")
        assert set(response.json()) == {"success", "analysis"}
        assert problems(response.json()["analysis"]) == []
        assert response["Cache-Control"] == "no-store"

    def test_analyze_and_tts_gives_an_address_that_plays(self, chat: OpenAIServer, client: Client) -> None:
        told = self.post(client, "analyze-and-tts", voice="onyx").json()
        assert set(told) == {"success", "analysis", "tts_path"}
        assert b"".join(played(told["tts_path"]).streaming_content)

    def test_a_personal_one_comes_as_a_data_address(self, chat: OpenAIServer, client: Client) -> None:
        chat.behave_as_chat(fault="quotes")
        assert self.post(client, "analyze-and-tts").json()["tts_path"].startswith("data:audio/mpeg")

    @pytest.mark.parametrize("call", ["analyze", "analyze-and-tts"])
    def test_an_urgent_answer_gets_the_safety_text(
        self, chat: OpenAIServer, client: Client, call: str
    ) -> None:
        told = self.post(client, call, URGENT).json()
        assert told["analysis"].startswith("Thank you for saying that.")
        assert chat.chats() == []

    @pytest.mark.parametrize("call", ["analyze", "analyze-and-tts"])
    @pytest.mark.parametrize(
        "wrong",
        [{"voice": "robot"}, {"voice": []}, {"question": 5}, {"question": "\0"}, {"question": "\ud800"}],
    )
    def test_an_urgent_answer_to_an_earlier_call_gets_its_words_whatever_else_is_wrong(
        self, without_key: None, client: Client, call: str, wrong: dict[str, Any]
    ) -> None:
        response = self.post(client, call, URGENT, **wrong)
        assert response.status_code == 200
        assert response.json()["analysis"].startswith("Thank you for saying that.")
        assert call == "analyze" or played(response.json()["tts_path"]).status_code == 200

    @pytest.mark.parametrize("call", ["analyze", "analyze-and-tts"])
    def test_a_stranger_needs_a_token_unless_the_settings_open_it(
        self, without_key: None, settings: Any, call: str
    ) -> None:
        assert self.post(Client(), call).status_code in (401, 403)
        settings.TTSCACHE = {**settings.TTSCACHE, "allow_anonymous_text": True}
        assert self.post(Client(), call).status_code == 200

    def test_the_theme_is_that_of_the_published_question(self, without_key: None, client: Client) -> None:
        question = Narrative.objects.get(journey__is_default=True, theme="hardship")
        assert question.live is not None
        self.post(client, "analyze", "We had little and we shared what we had.", question=question.live.text)
        assert OfferedReflection.objects.get().theme == "hardship"

    def test_the_older_calls_answer_without_any_journey(self, without_key: None, client: Client) -> None:
        Journey.objects.update(is_live=False)
        assert self.post(client, "analyze").status_code == 200


def test_the_schema_knows_the_three_calls(client: Client) -> None:
    schema = client.get("/api/schema", headers={"Accept": "application/json"}).content.decode()
    for call in ("/api/reflections", "/api/analyze", "/api/analyze-and-tts"):
        assert f'"{call}"' in schema or f"{call}:" in schema
    assert "ReflectionRequest" in schema
