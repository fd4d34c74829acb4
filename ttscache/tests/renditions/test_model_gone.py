"""A retired model is no outage: one call discovers it, and existing clips still play."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache as django_cache
from django.test import Client

from harness.api_calls import body_of, say
from harness.clips import speech
from harness.fake_voice import FakeVoice
from harness.openai_server import OpenAIServer
from ttscache import warming
from ttscache.accounting.budget import Budget
from ttscache.errors import ModelRetired, error_of
from ttscache.generation.job import GenerationJob
from ttscache.generation.synthesizer import Synthesizer
from ttscache.models import ApiToken, BudgetDay, Clip, Lease, ModelNotice, Spending, WarmItem, WarmRun
from ttscache.renditions.current import request_for
from ttscache.renditions.retirement import look_at_models, note_gone
from ttscache.staff.badges import badges_of
from ttscache.warming import ClipSpec, worker
from ttscache.wiring import speech_cache

pytestmark = pytest.mark.django_db(transaction=True)

MODEL = "tts-1-hd"
TEXTS = [f"This is question number {word}." for word in ("one", "two", "three", "four")]
LONG = " ".join(f"This is sentence {number} about a long, winding life." for number in range(10, 50))


@pytest.fixture(autouse=True)
def _site(openai: OpenAIServer, settings: Any) -> Iterator[None]:
    settings.TTSCACHE = {
        **settings.TTSCACHE,
        "provider": "openai",
        "openai_api_key": "sk-test",
        "openai_base_url": openai.base_url,
        "warm_concurrency": 1,
    }
    django_cache.clear()
    yield
    speech_cache().finish_recordings(5)


@pytest.fixture
def caller() -> Client:
    return Client(headers={"Authorization": f"Bearer {ApiToken.issue('tests')}"})


def outcomes() -> dict[str, tuple[int, int]]:
    """Return the calls and their price by outcome."""
    speech_cache().ledger.flush()
    return {row.outcome: (row.calls, row.cost_microusd) for row in Spending.objects.all()}


class TestOverHttp:
    @pytest.mark.parametrize("status", [410, 404])
    def test_a_retired_model_gets_one_call_and_no_other(
        self, openai: OpenAIServer, caller: Client, status: int
    ) -> None:
        openai.behave(fault=status)
        for text in TEXTS:
            response = say(caller, text)
            assert (response.status_code, response.json()["code"]) == (503, "model_retired")
            assert "Retry-After" not in response
            assert text not in response.json()["error"]
        assert len(openai.calls()) == 1
        assert outcomes() == {"model_retired": (1, 0)}

    def test_clips_of_a_retired_model_still_play(self, openai: OpenAIServer, caller: Client) -> None:
        made = body_of(say(caller, TEXTS[0]))
        openai.behave(fault=410)
        say(caller, TEXTS[1])
        address = f"/api/audio/{request_for(TEXTS[0], 'nova').content_hash}.mp3"
        assert body_of(say(caller, TEXTS[0])) == body_of(caller.get(address)) == made

    def test_a_clip_without_audio_answers_that_its_model_is_retired(
        self, openai: OpenAIServer, caller: Client
    ) -> None:
        clip = Clip.objects.record(request_for(TEXTS[0], "nova"), "question")
        openai.behave(fault=410)
        for _ in range(2):
            response = caller.get(f"/api/audio/{clip.content_hash}.mp3")
            assert (response.status_code, response.json()["code"]) == (503, "model_retired")
        assert len(openai.calls()) == 1

    def test_a_persons_own_words_are_not_sent_to_a_retired_model(
        self, openai: OpenAIServer, caller: Client
    ) -> None:
        note_gone(MODEL)
        response = say(caller, TEXTS[0], content_type="response")
        assert (response.status_code, response.json()["code"]) == (503, "model_retired")
        assert openai.calls() == []

    def test_a_retired_model_does_not_open_the_circuit(self, openai: OpenAIServer, caller: Client) -> None:
        openai.behave(fault=410)
        for text in TEXTS * 3:
            say(caller, text)
        assert not speech_cache().synthesizer.circuit.is_open

    def test_a_wrong_address_is_not_a_retired_model(
        self, openai: OpenAIServer, settings: Any, caller: Client
    ) -> None:
        settings.TTSCACHE = {**settings.TTSCACHE, "openai_base_url": f"{openai.base_url}/nowhere"}
        for calls in (1, 2):
            response = say(caller, TEXTS[0])
            assert (response.status_code, response.json()["code"]) == (503, "provider_unavailable")
            assert response.json()["error"] == "The voice service is not at the address that is set."
            assert outcomes() == {"wrong_address": (calls, 0)}, "none is tried again"
        assert not ModelNotice.objects.gone().exists()

    def test_a_retired_model_speaks_again_once_the_daily_look_finds_it(
        self, openai: OpenAIServer, caller: Client
    ) -> None:
        openai.behave(fault=410)
        say(caller, TEXTS[0])
        openai.behave()
        assert say(caller, TEXTS[0]).status_code == 503
        look_at_models()
        assert body_of(say(caller, TEXTS[0]))

    def test_a_retired_model_is_tried_again_with_another_key(
        self, openai: OpenAIServer, settings: Any, caller: Client
    ) -> None:
        openai.behave(fault=410)
        say(caller, TEXTS[0])
        openai.behave()
        settings.TTSCACHE = {**settings.TTSCACHE, "openai_api_key": "another"}
        assert body_of(say(caller, TEXTS[0]))


class TestPartsAndFollowers:
    def test_a_long_text_ends_with_the_first_part_that_is_refused(self, settings: Any) -> None:
        voice = FakeVoice(errors=[ModelRetired(MODEL)] * 10)
        cache = speech_cache()
        cache.generator.synthesizer = Synthesizer(voice, cache.ledger, Budget(5.0))
        making = cache.generate(GenerationJob(speech(LONG), "question", parts_at_once=1))
        with pytest.raises(ModelRetired):
            making.recording.result()
        assert len(voice.calls) == 1
        assert [day.committed_microusd for day in BudgetDay.objects.all()] == [0]

    def test_no_part_starts_after_another_process_found_the_model_retired(self) -> None:
        voice = FakeVoice()
        cache = speech_cache()
        cache.generator.synthesizer = Synthesizer(voice, cache.ledger, Budget(5.0))
        voice.may_go_on.clear()
        making = cache.generate(GenerationJob(speech(LONG), "question", parts_at_once=1))
        while not voice.calls:
            threading.Event().wait(0.01)
        note_gone(MODEL)
        voice.may_go_on.set()
        with pytest.raises(ModelRetired):
            making.recording.result()
        assert len(voice.calls) == 1

    def test_followers_learn_that_the_model_is_retired(self) -> None:
        error = error_of("model_retired")
        assert type(error) is ModelRetired
        assert (error.status, error.code) == (503, "model_retired")


class TestWarming:
    SPECS = [ClipSpec(speech(text), "question") for text in TEXTS]  # noqa: RUF012 - nobody changes it

    @pytest.fixture
    def voice(self) -> FakeVoice:
        voice = FakeVoice(errors=[ModelRetired(MODEL)])
        speech_cache().generator.synthesizer = Synthesizer(voice, speech_cache().ledger)
        return voice

    def run(self) -> WarmRun:
        run = warming.start_run("here", self.SPECS)
        worker.work(seconds=20)
        run.refresh_from_db()
        return run

    def test_all_items_of_a_retired_model_fail_with_a_plain_reason_after_one_call(
        self, voice: FakeVoice
    ) -> None:
        run = self.run()
        assert run.state == WarmRun.State.FAILED
        assert set(run.items.values_list("state", "reason")) == {
            (
                "failed",
                "The provider has switched this model off (tts-1-hd), or the API key may not use it. "
                "Choose another voice, or set TTS_MODEL; then the clip is made with that.",
            )
        }
        assert len(voice.calls) == 1
        assert not worker.is_work_left()
        assert not Lease.objects.filter(name=worker.RATE_LIMIT).exists()

    def test_the_badge_of_a_failed_clip_says_that_the_model_is_retired(self, voice: FakeVoice) -> None:
        self.run()
        badge = badges_of(Clip.objects.filter(content_text=TEXTS[0]))[speech(TEXTS[0]).content_hash]
        assert badge.word == "Failed"
        assert badge.note.startswith("The provider has switched this model off")

    def test_the_badge_of_an_untried_clip_says_that_the_model_is_retired(self) -> None:
        clip = Clip.objects.record(speech(TEXTS[0]), "question")
        note_gone(MODEL)
        badge = badges_of([clip])[clip.content_hash]
        assert (badge.word, badge.is_settled) == ("Not made", True)
        assert badge.note.startswith("The provider has switched this model off (tts-1-hd), or")

    def test_scheduled_runs_skip_a_retired_model_until_it_is_found_again(self, voice: FakeVoice) -> None:
        self.run()
        for _ in range(3):
            assert warming.start_automatic_run("here", self.SPECS, requested_by="schedule") is None
        assert WarmItem.objects.count() == len(TEXTS)
        look_at_models()
        run = warming.start_automatic_run("here", self.SPECS, requested_by="schedule")
        assert run is not None
        worker.work(seconds=20)
        run.refresh_from_db()
        assert run.state == WarmRun.State.DONE
