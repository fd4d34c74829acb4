"""Last takes: the choice of clips, and that none is missing once they were made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from harness.fake_voice import FakeVoice
from harness.retirement_day import stand_before_shutdown
from ttscache import hooks
from ttscache.accounting.budget import Budget
from ttscache.conf import conf
from ttscache.generation.synthesizer import Synthesizer
from ttscache.hooks import Hooks
from ttscache.models import Clip, WarmRun
from ttscache.renditions.current import request_for
from ttscache.warming import ClipSpec, worker
from ttscache.warming.last_takes import find_last_takes, make_last_takes, retiring_models
from ttscache.wiring import forget, speech_cache

pytestmark = pytest.mark.django_db(transaction=True)

BANK, SHARED, PRIVATE = "Of the bank.", "Those mornings stayed.", "So your mother was Rosa."


class TextsAbove(Hooks):
    """Hooks of an app with a question and a bank reflection that one voice pronounces differently."""

    def texts_to_keep(self) -> Iterable[ClipSpec]:
        for voice in conf().listener_voices:
            yield ClipSpec(request_for("Where did it begin?", voice), "question")
            said = BANK if voice == "nova" else "Off the bank."
            yield ClipSpec(request_for(said, voice), "analysis")


@pytest.fixture(autouse=True)
def voice(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeVoice]:
    """A fake voice in place of OpenAI, 40 days before its model is switched off."""
    settings.TTSCACHE = {
        **settings.TTSCACHE,
        "provider": "openai",
        "openai_api_key": "sk-test",
        "audio_format": "pcm",
    }
    forget()
    monkeypatch.setattr(hooks, "_installed", TextsAbove())
    stand_before_shutdown(40, monkeypatch)
    voice = FakeVoice()
    speech_cache().generator.synthesizer = Synthesizer(voice, speech_cache().ledger)
    yield voice
    voice.may_go_on.set()
    speech_cache().finish_recordings(5)


def reflection(text: str, voice: str = "nova", **fields: Any) -> Clip:
    clip = Clip.objects.record(request_for(text, voice), "analysis")
    Clip.objects.filter(pk=clip.pk).update(**fields)
    return clip


def said(clips: Iterable[Clip]) -> set[tuple[str, str]]:
    return {(clip.content_text, clip.voice) for clip in clips}


def test_last_takes_are_all_texts_and_shareable_reflections_in_every_listener_voice() -> None:
    reflection(SHARED, is_shareable=True)
    reflection(PRIVATE)
    reflection(BANK, is_shareable=True)  # the bank has it too, with its own pronunciation in each voice
    assert said(find_last_takes().planned.clips) == {
        ("Where did it begin?", "nova"),
        ("Where did it begin?", "onyx"),
        (BANK, "nova"),
        ("Off the bank.", "onyx"),
        (SHARED, "nova"),
        (SHARED, "onyx"),
    }


def test_last_takes_are_paid_for_once_and_none_stays_missing(voice: FakeVoice) -> None:
    reflection(SHARED, is_shareable=True)
    takes = find_last_takes()
    (run,) = make_last_takes(takes, requested_by="ana")
    worker.work(seconds=30)
    run.refresh_from_db()
    assert (run.scope, run.name, run.state) == ("last-takes:tts-1-hd", "Last takes, tts-1-hd", "done")
    assert find_last_takes().planned.missing == []
    assert sorted(call.text for call in voice.calls) == sorted(
        clip.content_text for clip in takes.planned.clips
    )
    assert Clip.objects.get(content_text=SHARED, voice="onyx").is_shareable


def test_a_second_request_for_last_takes_joins_the_run() -> None:
    first = make_last_takes(find_last_takes(), requested_by="ana")
    assert make_last_takes(find_last_takes(), requested_by="ben") == first
    assert WarmRun.objects.count() == 1


def test_last_takes_wait_beyond_the_budget(voice: FakeVoice) -> None:
    poor = Synthesizer(voice, speech_cache().ledger, Budget(0.000_7))
    speech_cache().generator.synthesizer = poor
    (run,) = make_last_takes(find_last_takes(), requested_by="ana")
    worker.work(seconds=30)
    run.refresh_from_db()
    assert (run.state, run.paused_because) == ("paused", "budget")
    assert 0 < len(voice.calls) < 4


def test_last_takes_never_include_a_persons_own_words() -> None:
    reflection(SHARED, is_shareable=True)
    reflection(SHARED, "onyx", content_type="response")
    assert (SHARED, "onyx") not in said(find_last_takes().planned.clips)


@pytest.mark.parametrize("model", ["a-model-without-an-end", "embedded"])
def test_a_voice_that_does_not_retire_has_no_last_takes(settings: Any, model: str) -> None:
    settings.TTSCACHE = {**settings.TTSCACHE, "model": model}
    assert retiring_models() == [] and find_last_takes().planned.clips == ()


def test_a_voice_that_has_retired_has_no_last_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_before_shutdown(0, monkeypatch)
    assert retiring_models() == [] and find_last_takes().planned.clips == ()
