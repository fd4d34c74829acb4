"""Staff see why a clip was refused, and which words differ in a reworded one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.clips import speech
from harness.fake_voice import FakeVoice
from ttscache import warming
from ttscache.errors import BrokenAudio, Fault, ModelRetired, Reworded
from ttscache.generation.synthesizer import Synthesizer
from ttscache.models import Pin, WarmItem
from ttscache.staff.badges import badges_of
from ttscache.text.transcripts import differences
from ttscache.warming import ClipSpec, worker
from ttscache.wiring import speech_cache

pytestmark = pytest.mark.django_db(transaction=True)

TEXT = "I am ten years old."
SAID = "The voice said other words: “i'm” for “i am”."


@pytest.fixture(autouse=True)
def voice(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeVoice]:
    reworded = Reworded(differences(TEXT, "I'm ten years old."))
    voice = FakeVoice(errors=[reworded] * 3)
    speech_cache().generator.synthesizer = Synthesizer(voice, speech_cache().ledger)
    yield voice
    speech_cache().finish_recordings(5)


def failed_item(content_type: str, scope: str = "here", *, automatic: bool = False) -> WarmItem:
    run = warming.start_run(scope, [ClipSpec(speech(TEXT), content_type)], automatic=automatic)
    worker.work(seconds=20)
    item = run.items.select_related("clip").get()
    assert item.state == WarmItem.State.FAILED
    return item


@pytest.mark.parametrize("content_type", ["narrative", "question"])
def test_the_words_that_differ_are_shown_for_a_text_of_the_staff(content_type: str) -> None:
    item = failed_item(content_type)
    assert item.reason == SAID
    assert badges_of([item.clip])[item.clip.content_hash].note == SAID


def test_the_words_that_differ_are_shown_for_a_text_of_the_bank() -> None:
    Pin.objects.create(content_hash=speech(TEXT).content_hash, reason=Pin.Reason.BANK)
    assert failed_item("analysis").reason == SAID


def test_no_word_of_a_reworded_reflection_is_shown() -> None:
    """A reflection may quote a listener."""
    assert failed_item("analysis").reason == Reworded().for_staff()
    assert "i am" not in Reworded(differences(TEXT, "I'm ten years old.")).for_staff().lower()


def test_the_words_are_still_shown_when_a_scheduled_run_finds_that_the_clip_waits_for_staff(
    voice: FakeVoice,
) -> None:
    failed_item("question")
    assert failed_item("question", "each hour", automatic=True).reason == SAID
    assert len(voice.calls) == 3, "it was not paid for again"


def test_a_reworded_text_is_tried_again_when_staff_ask(voice: FakeVoice) -> None:
    run = failed_item("question").run
    warming.retry_failed(run)
    worker.work(seconds=20)
    assert run.items.get().state == WarmItem.State.DONE
    assert len(voice.calls) == 4


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault.PACE, "The recording was far too short or too long for its text"),
        (Fault.SILENCE, "The recording was silent"),
        (Fault.WHOLENESS, "The recording was damaged or incomplete"),
    ],
)
def test_staff_see_the_fault_of_a_clip_that_was_refused_twice(
    voice: FakeVoice, fault: Fault, says: str
) -> None:
    voice.errors = [BrokenAudio(kind=fault) for _ in range(3)]
    reason = f"{says}, twice, so it was not kept. It is made again only when you ask for it."
    item = failed_item("question")
    assert item.reason == reason
    assert badges_of([item.clip])[item.clip.content_hash].note == reason
    assert failed_item("question", "each hour", automatic=True).reason == reason
    assert len(voice.calls) == 2, "it was not paid for a third time"


def test_a_clip_of_a_retired_model_fails_after_one_call(voice: FakeVoice) -> None:
    voice.errors = [ModelRetired("tts-1-hd")]
    assert failed_item("question").reason == ModelRetired("tts-1-hd").for_staff()
    assert len(voice.calls) == 1
