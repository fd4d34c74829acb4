"""Refused takes of authored texts wait for staff; no byte of any other text is kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from harness.clips import speech
from harness.fake_voice import FakeVoice
from harness.speech_api.sound import silent, spoken_clip
from ttscache.cache import ClipInTheMaking, GenerationJob
from ttscache.errors import BrokenAudio, Busy, ProviderFailed, RefusedAudio, Reworded, SpeechError
from ttscache.generation import refused_takes
from ttscache.generation.synthesizer import Synthesizer
from ttscache.maintenance import upkeep
from ttscache.maintenance.integrity import findings
from ttscache.models import Clip, Lease, Pin, RefusedTake
from ttscache.pins import replace_pins
from ttscache.speech import SpeechRequest
from ttscache.text.transcripts import differences
from ttscache.wiring import speech_cache

pytestmark = pytest.mark.django_db(transaction=True)

TEXT = "What did the kitchen of your childhood smell like in the early morning?"
SILENT = silent(TEXT, "mp3")
SHORT = spoken_clip("Hm", "nova", "mp3")
LONG = spoken_clip(TEXT * 8, "nova", "mp3")
GOOD = spoken_clip(TEXT, "nova", "mp3")
CUT = GOOD[: len(GOOD) - 200]
Reason = RefusedTake.Reason


@pytest.fixture(autouse=True)
def voice(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeVoice]:
    monkeypatch.setattr("ttscache.generation.synthesizer.time.sleep", lambda _: threading.Event().wait(0.01))
    voice = FakeVoice(is_streaming=False)
    speech_cache().generator.synthesizer = Synthesizer(voice, speech_cache().ledger)
    yield voice
    speech_cache().finish_recordings(5)


def mp3(text: str = TEXT) -> SpeechRequest:
    return replace(speech(text), audio_format="mp3")


def pin(text: str = TEXT, reason: str = Pin.Reason.LIVE) -> None:
    Pin.objects.create(content_hash=mp3(text).content_hash, reason=reason)


def ask(text: str = TEXT, content_type: str = "question") -> SpeechError | None:
    """Request the clip; returns the error, if there is one."""
    cache, job = speech_cache(), GenerationJob(mp3(text), content_type)
    try:
        making = (
            cache.generate_privately(job.request)
            if content_type == "response"
            else cache.get_or_generate(job)
        )
        if isinstance(making, ClipInTheMaking):
            making.recording.result()
    except SpeechError as error:
        return error
    return None


def refused(voice: FakeVoice, audio: bytes, text: str = TEXT, reason: str = Pin.Reason.LIVE) -> RefusedTake:
    """Let the voice answer with these bytes; returns the take that is kept."""
    pin(text, reason)
    voice.audio = audio
    assert isinstance(ask(text, "analysis" if reason == Pin.Reason.BANK else "question"), ProviderFailed)
    return RefusedTake.objects.get(clip__content_hash=mp3(text).content_hash)


def find_bytes(folder: Path, audio: bytes) -> list[str]:
    """The tables and files that hold a piece of these bytes."""
    piece = audio[len(audio) // 2 : len(audio) // 2 + 64]
    found = [str(path) for path in folder.rglob("*") if path.is_file() and piece in path.read_bytes()]
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            values = (bytes(each) for row in cursor for each in row if isinstance(each, bytes | memoryview))
            found += [table for value in values if piece in value]
    return found


# --- what is kept -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("audio", "reason", "is_usable"),
    [
        (SILENT, Reason.SILENT, True),
        (SHORT, Reason.TOO_SHORT, True),
        (LONG, Reason.TOO_LONG, True),
        (CUT, Reason.BROKEN, True),
        (b"RIFF, but no clip at all. " * 40, Reason.BROKEN, False),
        (silent("Hm", "mp3"), Reason.SILENT, False),
    ],
)
def test_the_bytes_of_a_refused_text_are_kept_with_the_true_reason(
    voice: FakeVoice, audio: bytes, reason: str, is_usable: bool
) -> None:
    take = refused(voice, audio)
    assert (take.reason, bytes(take.audio), take.size) == (reason, audio, len(audio))
    assert take.is_usable is is_usable
    assert take.paid_microusd > 0
    assert not take.is_part


@pytest.mark.parametrize("reason", [Pin.Reason.SYSTEM, Pin.Reason.DRAFT, Pin.Reason.BANK])
def test_every_text_that_staff_wrote_is_authored(voice: FakeVoice, reason: str) -> None:
    Clip.objects.record(mp3(), "analysis" if reason == Pin.Reason.BANK else "question")
    Clip.objects.update(is_shareable=True)
    assert refused(voice, SILENT, reason=reason)


@pytest.mark.parametrize(
    ("content_type", "pinned_as"),
    [
        ("narrative", ()),  # free text of the API
        ("question", ()),
        ("analysis", ()),  # a reflection on what somebody said
        ("analysis", (Pin.Reason.POPULAR,)),
        ("analysis", (Pin.Reason.LIVE,)),
        ("response", ()),
        ("response", (Pin.Reason.LIVE, Pin.Reason.BANK)),
        ("question", (Pin.Reason.RECENT,)),  # staff have removed it
    ],
)
@pytest.mark.parametrize("audio", [SILENT, SHORT])
def test_no_byte_of_other_texts_is_kept_anywhere(
    voice: FakeVoice, tmp_path: Path, content_type: str, pinned_as: tuple[str, ...], audio: bytes
) -> None:
    for reason in pinned_as:
        pin(reason=reason)
    voice.audio = audio
    error = ask(content_type=content_type)
    assert isinstance(error, BrokenAudio)
    assert error.refused is None, "the error has no bytes any more"
    assert find_bytes(tmp_path, audio) == []


def test_the_search_for_bytes_finds_those_of_an_authored_text(voice: FakeVoice, tmp_path: Path) -> None:
    refused(voice, SHORT)
    assert find_bytes(tmp_path, SHORT) == ["ttscache_refusedtake"]


def test_a_refused_take_is_in_no_tier_and_the_clip_stays_missing(voice: FakeVoice) -> None:
    refused(voice, SILENT)
    assert all(tier.get(mp3().content_hash) is None for tier in speech_cache().tiers.all)
    assert not Clip.objects.with_audio().exists()


def test_only_the_latest_refused_take_of_a_clip_is_kept(voice: FakeVoice) -> None:
    refused(voice, SILENT)
    Lease.objects.all().delete()
    voice.audio = SHORT
    ask()
    assert RefusedTake.objects.get().reason == Reason.TOO_SHORT


def test_the_oldest_takes_make_room_for_new_ones(voice: FakeVoice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused_takes, "MOST_TAKES", 2)
    for number in range(3):
        refused(voice, SILENT, f"{TEXT} {number}")
    assert set(RefusedTake.objects.values_list("clip__content_text", flat=True)) == {f"{TEXT} 1", f"{TEXT} 2"}

    monkeypatch.setattr(refused_takes, "MOST_BYTES", 2 * len(SILENT))
    monkeypatch.setattr(refused_takes, "MOST_TAKES", 9)
    refused(voice, SILENT, f"{TEXT} 3")
    assert RefusedTake.objects.count() == 2


def test_a_take_that_is_far_too_large_is_not_kept(voice: FakeVoice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused_takes, "MOST_BYTES_OF_A_TAKE", len(SILENT) - 1)
    pin()
    voice.audio = SILENT
    assert isinstance(ask(), BrokenAudio)
    assert not RefusedTake.objects.exists()


def test_the_listener_gets_the_usual_answer_if_the_take_cannot_be_kept(voice: FakeVoice) -> None:
    pin()
    voice.audio = SILENT
    table = RefusedTake._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO away")
    try:
        assert isinstance(ask(), BrokenAudio)
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE away RENAME TO {table}")
    assert not RefusedTake.objects.exists()
    assert Lease.objects.get().error == "broken_audio_again:silence"
    assert len(voice.calls) == 2


# --- how long ---------------------------------------------------------------------------------------------
def test_a_refused_take_is_removed_after_seven_days(voice: FakeVoice) -> None:
    refused(voice, SILENT)
    RefusedTake.objects.update(made_at=timezone.now() - timedelta(days=6, hours=23))
    upkeep.do_upkeep()
    assert RefusedTake.objects.exists()
    RefusedTake.objects.update(made_at=timezone.now() - timedelta(days=7, minutes=1))
    upkeep.do_upkeep()
    assert not RefusedTake.objects.exists()


def test_a_refused_take_goes_with_its_text(voice: FakeVoice) -> None:
    refused(voice, SILENT)
    replace_pins({Pin.Reason.LIVE: set()})
    assert not RefusedTake.objects.exists()


def test_a_refused_take_goes_once_the_clip_is_made(voice: FakeVoice) -> None:
    refused(voice, SILENT)
    Lease.objects.update(until=timezone.now())
    voice.audio = GOOD
    assert ask() is None
    assert not RefusedTake.objects.exists()


def test_the_upkeep_removes_the_take_of_a_clip_that_an_import_brought(voice: FakeVoice) -> None:
    refused(voice, SILENT)
    Clip.objects.update(stored_at=timezone.now() + timedelta(seconds=1))
    assert not RefusedTake.objects.undecided().exists()
    upkeep.do_upkeep()
    assert not RefusedTake.objects.exists()


# --- staff accept it --------------------------------------------------------------------------------------
@pytest.mark.parametrize("audio", [SILENT, SHORT, LONG, CUT])
def test_an_accepted_take_is_the_clip_in_all_tiers(voice: FakeVoice, audio: bytes) -> None:
    take = refused(voice, audio)
    calls = len(voice.calls)
    entry = speech_cache().accept(take)
    key = mp3().content_hash
    assert entry.is_published
    assert [tier.get(key).audio for tier in speech_cache().tiers.all] == [audio] * 3  # type: ignore[union-attr]
    clip = Clip.objects.get()
    assert clip.is_ready
    assert clip.duration_ms == take.duration_ms
    assert clip.waveform
    assert not RefusedTake.objects.exists()
    assert not Lease.objects.exists(), "the clip no longer waits for staff"
    assert ask() is None
    assert len(voice.calls) == calls, "nothing was paid"


def test_the_check_of_all_clips_leaves_an_accepted_take_alone(voice: FakeVoice) -> None:
    speech_cache().accept(refused(voice, SHORT))
    assert list(findings(speech_cache())) == []
    Clip.objects.update(accepted_checksum="")
    assert {each.problem.partition(":")[0] for each in findings(speech_cache())} == {"short"}


@pytest.mark.parametrize("audio", [silent("Hm", "mp3"), b"no clip at all" * 40])
def test_a_take_that_another_check_refuses_too_cannot_be_accepted(voice: FakeVoice, audio: bytes) -> None:
    take = refused(voice, audio)
    with pytest.raises(refused_takes.NotUsable):
        speech_cache().accept(take)
    assert not Clip.objects.with_audio().exists()
    assert Lease.objects.filter(error__startswith="broken_audio_again").exists(), "it still waits for staff"


def test_a_reworded_take_can_be_heard_but_not_accepted(voice: FakeVoice) -> None:
    pin()
    error = Reworded(differences(TEXT, TEXT.replace("kitchen", "garden")))
    voice.audio, voice.breaks_off = GOOD, error
    assert ask() is error
    take = RefusedTake.objects.get()
    assert take.reason == Reason.REWORDED
    assert take.size
    assert not take.is_usable
    with pytest.raises(refused_takes.NotUsable):
        speech_cache().accept(take)


def test_a_refused_part_of_a_long_text_cannot_become_the_whole_clip(voice: FakeVoice) -> None:
    text = " ".join(f"{TEXT} ({number})" for number in range(10))
    pin(text)
    broken = BrokenAudio()
    voice.audio, voice.breaks_off = GOOD, broken
    assert isinstance(ask(text), BrokenAudio)
    take = RefusedTake.objects.get()
    assert take.is_part
    assert not take.is_usable
    with pytest.raises(refused_takes.NotUsable):
        speech_cache().accept(take)


def test_a_take_cannot_be_accepted_once_the_clip_is_made(voice: FakeVoice) -> None:
    take = refused(voice, SILENT)
    Lease.objects.update(until=timezone.now())
    voice.audio = GOOD
    assert ask() is None
    with pytest.raises(refused_takes.NotUsable):
        speech_cache().accept(take)
    assert speech_cache().find(mp3().content_hash).entry.audio == GOOD  # type: ignore[union-attr]


def test_a_take_cannot_be_accepted_while_the_clip_is_being_made(voice: FakeVoice) -> None:
    take = refused(voice, SILENT)
    Lease.objects.update(error="", owner="another host", until=timezone.now() + timedelta(minutes=1))
    with pytest.raises(Busy):
        speech_cache().accept(take)
    assert RefusedTake.objects.exists()


def test_a_take_that_no_tier_takes_stays_and_waits_for_staff(
    voice: FakeVoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = refused(voice, SILENT)
    monkeypatch.setattr(speech_cache().tiers, "permanents", ())
    with pytest.raises(SpeechError):
        speech_cache().accept(take)
    assert RefusedTake.objects.exists()
    assert Lease.objects.get().error == "broken_audio_again:silence"


# --- never in an error ------------------------------------------------------------------------------------
def test_refused_bytes_never_appear_in_the_text_of_an_error() -> None:
    error = BrokenAudio()
    error.refused = RefusedAudio(b"the bytes")
    assert "the bytes" not in f"{error} {error!r} {error.refused!r}"
