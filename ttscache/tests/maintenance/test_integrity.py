"""check_cache on real tiers: the problems it finds, its repairs, and its exit code for cron."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from harness.clips import entry, hum, speech, spoken
from harness.s3 import S3Server
from ttscache.models import Clip, ClipFile, PermanentStore
from ttscache.speech import SpeechRequest
from ttscache.tiers import Entry, checksum_of, storage
from ttscache.wiring import speech_cache

pytestmark = pytest.mark.django_db

A_MINUTE_AGO = 61


def whole(request: SpeechRequest, sound: bytes | None = None) -> Entry:
    sound = sound or spoken(request)
    return replace(
        entry(request.content_hash, sound),
        audio_format="pcm",
        checksum=checksum_of(sound),
        duration_ms=len(sound) // 48,
        characters=len(request.text),
    )


def keep(number: int = 1) -> Entry:
    """Store a good clip in every tier."""
    request = speech(f"This is clip number {number} of a long life.")
    Clip.objects.record(request, "question")
    kept = whole(request)
    speech_cache().tiers.permanent.put(kept)
    for tier in speech_cache().tiers.local:
        tier.put(kept)
    return kept


def check(*, fix: bool = False) -> tuple[int, str]:
    """Return the exit code and the output."""
    said = StringIO()
    try:
        call_command("check_cache", *(["--fix"] if fix else []), stdout=said, stderr=said)
    except CommandError as error:
        return error.returncode, said.getvalue() + str(error)
    return 0, said.getvalue()


def assert_found_and_mended(problem: str) -> None:
    """Check that the problem is reported and left alone, then repaired with --fix, then gone."""
    code, said = check()
    assert (code, problem in said) == (1, True), said
    again, _ = check()
    assert again == 1
    code, said = check(fix=True)
    assert (code, problem in said) == (0, True), said
    assert check() == (0, "All tiers agree.\n")


def file_of(kept: Entry, suffix: str) -> Path:
    (found,) = speech_cache().tiers.local[1]._folder.rglob(f"{kept.content_hash}.{suffix}")  # type: ignore[attr-defined]
    return Path(found)


def forget_local(kept: Entry) -> None:
    for tier in speech_cache().tiers.local:
        tier.delete(kept.content_hash)


def played(kept: Entry) -> bytes | None:
    forget = speech_cache().tiers.local[0]
    forget.delete(kept.content_hash)
    hit = speech_cache().find(kept.content_hash)
    return hit.entry.audio if hit else None


def test_check_cache_reports_a_sound_cache() -> None:
    assert check() == (0, "All tiers agree.\n")
    keep()
    assert check() == (0, "All tiers agree.\n")


def test_a_record_without_bytes_is_put_back_from_the_files_of_this_host() -> None:
    kept = keep()
    ClipFile.objects.all().delete()
    assert_found_and_mended("database: a record without bytes")
    forget_local(kept)
    assert played(kept) == kept.audio


def test_a_record_without_bytes_anywhere_is_made_again_when_asked_for() -> None:
    kept = keep()
    ClipFile.objects.all().delete()
    forget_local(kept)
    assert_found_and_mended("database: a record without bytes")
    assert not Clip.objects.get().is_ready


@pytest.mark.parametrize("damage", [b"", b"other", hum(0.2)])
def test_damaged_bytes_in_the_database_are_put_back(damage: bytes) -> None:
    kept = keep()
    ClipFile.objects.update(file_data=damage)
    assert_found_and_mended("database: damaged bytes")
    forget_local(kept)
    assert played(kept) == kept.audio


def test_a_wrong_size_in_a_record_is_corrected() -> None:
    kept = keep()
    ClipFile.objects.update(file_size=1)
    assert_found_and_mended("database: a wrong size in the record")
    Clip.objects.update(audio_file_size=1)
    assert_found_and_mended("database: a wrong size in the record")
    assert Clip.objects.get().audio_file_size == kept.size


def test_a_clip_that_is_far_too_short_for_its_words_is_made_again() -> None:
    request = speech("This is a long text of which only the very beginning can be heard. " * 3)
    Clip.objects.record(request, "question")
    speech_cache().tiers.permanent.put(whole(request, hum(0.5)))
    assert_found_and_mended("database: short")
    assert not Clip.objects.get().is_ready


def keep_short() -> Entry:
    """Store a clip that is far too short for its text in every tier."""
    request = speech("This is a long text of which only the very beginning can be heard. " * 3)
    Clip.objects.record(request, "question")
    kept = whole(request, hum(0.5))
    for tier in (speech_cache().tiers.permanent, *speech_cache().tiers.local):
        tier.put(kept)
    return kept


def test_a_short_clip_does_not_come_back_from_this_host() -> None:
    kept = keep_short()
    assert_found_and_mended("database: short")
    assert not Clip.objects.get().is_ready
    assert played(kept) is None


def test_a_short_clip_that_only_this_host_has_is_removed() -> None:
    kept = keep_short()
    speech_cache().tiers.permanent.delete(kept.content_hash)
    assert_found_and_mended("file: short")
    assert not Clip.objects.get().is_ready


def test_an_adopted_clip_needs_only_decode() -> None:
    request = speech("This is a long text of which only the very beginning can be heard. " * 3)
    clip = Clip.objects.record(request, "question")
    ClipFile.objects.create(cache=clip, file_data=hum(0.5), file_size=24_000)
    Clip.objects.update(stored_at=timezone.now(), adopted_at=timezone.now())
    assert check()[0] == 0


def test_bytes_of_an_adopted_clip_are_never_removed() -> None:
    clip = Clip.objects.record(speech(), "question")
    ClipFile.objects.create(cache=clip, file_data=b"<html>", file_size=6)
    Clip.objects.update(stored_at=timezone.now(), adopted_at=timezone.now())
    assert_found_and_mended("database: damaged bytes")
    assert not Clip.objects.get().is_ready
    assert bytes(ClipFile.objects.get().file_data) == b"<html>"


def test_bytes_of_a_clip_that_is_not_made_by_its_record_are_removed() -> None:
    clip = Clip.objects.record(speech(), "question")
    ClipFile.objects.create(cache=clip, file_data=b"sound", file_size=5)
    assert_found_and_mended("database: bytes without a record")
    assert not ClipFile.objects.exists()


def test_a_local_file_of_an_unknown_clip_is_removed() -> None:
    kept = keep()
    Clip.objects.all().delete()
    assert_found_and_mended("file: bytes without a record")
    assert played(kept) is None


def test_a_damaged_local_file_is_removed_and_the_clip_plays() -> None:
    kept = keep()
    file_of(kept, "pcm").write_bytes(kept.audio[:-10])
    assert_found_and_mended("file: damaged bytes")
    assert played(kept) == kept.audio


def test_local_bytes_that_differ_from_the_record_are_removed() -> None:
    kept = keep()
    newer = whole(speech("This is clip number 1 of a long life."), hum(2.5))
    speech_cache().tiers.permanent.put(newer)
    assert_found_and_mended("file: other bytes than the record's")
    assert played(kept) == newer.audio


def test_check_cache_promotes_a_clip_that_only_this_host_has() -> None:
    kept = keep()
    speech_cache().tiers.permanent.delete(kept.content_hash)
    assert_found_and_mended("file: bytes that only this host has")
    forget_local(kept)
    assert played(kept) == kept.audio


def test_sound_without_a_description_is_removed_once_nobody_may_be_writing_it() -> None:
    kept = keep()
    rest = file_of(kept, "pcm")
    file_of(kept, "json").unlink()
    assert check()[0] == 0, "it may be in the middle of being written"
    old = timezone.now().timestamp() - A_MINUTE_AGO
    os.utime(rest, (old, old))
    assert_found_and_mended("file: a file of no clip")
    assert not rest.exists()
    assert played(kept) == kept.audio


def test_a_description_without_sound_is_removed() -> None:
    kept = keep()
    file_of(kept, "pcm").unlink()
    assert_found_and_mended("file: a file of no clip")
    assert played(kept) == kept.audio


def test_a_clip_that_is_open_to_anyone_though_not_published_is_moved() -> None:
    kept = keep()
    speech_cache().tiers.local[1].put(replace(kept, is_published=True))
    assert_found_and_mended("file: open to anyone though not published")
    assert speech_cache().find_published(kept.content_hash) is None
    assert played(kept) == kept.audio


def test_check_cache_names_mended_clips_by_hash_and_never_by_words() -> None:
    kept = keep()
    ClipFile.objects.all().delete()
    _, said = check(fix=True)
    assert kept.content_hash in said
    assert "long life" not in said


class TestStorage:
    @pytest.fixture(autouse=True)
    def _bucket(self, clips_bucket: str) -> None:
        """Clips are stored in a bucket."""

    def test_check_cache_reports_a_sound_bucket(self) -> None:
        keep()
        assert Clip.objects.get().stored_in == PermanentStore.STORAGE
        assert check() == (0, "All tiers agree.\n")

    def test_a_lost_object_is_put_back(self, s3: S3Server, clips_bucket: str) -> None:
        kept = keep()
        s3.lose(clips_bucket)
        assert_found_and_mended("storage: a record without bytes")
        forget_local(kept)
        assert played(kept) == kept.audio

    def test_a_damaged_object_is_put_back(self, s3: S3Server, clips_bucket: str) -> None:
        kept = keep()
        name = Clip.objects.get().audio_file_path
        s3.client.put_object(Bucket=clips_bucket, Key=name, Body=b"damaged")
        assert_found_and_mended("storage: damaged bytes")
        forget_local(kept)
        assert played(kept) == kept.audio

    def test_an_object_of_ours_that_no_record_names_is_removed(
        self, s3: S3Server, clips_bucket: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kept = keep()
        monkeypatch.setattr(storage, "STRAY_AGE", -timedelta(minutes=1))
        name = storage.object_name("public", kept.content_hash, kept.checksum, "pcm", "")
        s3.client.put_object(Bucket=clips_bucket, Key=name, Body=b"sound")
        assert_found_and_mended("storage: an object without a record")

    def test_check_cache_leaves_foreign_objects_of_the_bucket_alone(
        self, s3: S3Server, clips_bucket: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        keep()
        monkeypatch.setattr(storage, "STRAY_AGE", -timedelta(minutes=1))
        s3.client.put_object(Bucket=clips_bucket, Key="family-album/1972.jpg", Body=b"us")
        assert check(fix=True) == (0, "All tiers agree.\n")
        assert "family-album/1972.jpg" in s3.objects(clips_bucket)

    def test_check_cache_forgets_nothing_while_the_bucket_is_down(self, s3: S3Server) -> None:
        keep()
        s3.stop()
        code, said = check(fix=True)
        assert (code, "The check stopped" in said) == (2, True)
        assert Clip.objects.get().is_ready

    def test_check_cache_forgets_nothing_in_a_wrong_folder(
        self, s3: S3Server, clips_bucket: str, settings: object
    ) -> None:
        kept = keep()
        settings.AWS_LOCATION = "staging"  # type: ignore[attr-defined]
        code, said = check(fix=True)
        assert (code, "mark_bucket" in said) == (2, True)
        settings.AWS_LOCATION = ""  # type: ignore[attr-defined]
        assert check() == (0, "All tiers agree.\n")
        assert played(kept) == kept.audio

    def test_clips_in_a_bucket_that_is_not_set_up_are_told_and_left_alone(self, settings: object) -> None:
        from ttscache import wiring

        keep()
        settings.TTSCACHE = {**settings.TTSCACHE, "permanent": "database", "bucket": ""}  # type: ignore[attr-defined]
        wiring.forget()
        code, said = check(fix=True)
        assert (code, "records: stored in a tier that is not set up here" in said) == (1, True)
        assert Clip.objects.get().is_ready
