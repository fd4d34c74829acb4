"""export_clips and import_clips on real tiers: the clips they transfer, skip and report."""

from __future__ import annotations

import fcntl
import io
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from harness.clips import archived_clip, entry, speech, write_archive
from harness.s3 import S3Server
from harness.staff_pages import refused_take
from ttscache import hooks, wiring
from ttscache.maintenance.stale import stale_clips
from ttscache.models import Clip, ClipFile, ContentType, DatabaseIdentity, Invalidation, PermanentStore, Pin
from ttscache.speech import SpeechRequest
from ttscache.tiers import Entry
from ttscache.wiring import speech_cache

pytestmark = pytest.mark.django_db

SECRET = "my brother's harbour"
YEARS_AGO = timezone.now() - timedelta(days=900)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "voice.tar"


def keep(text: str, sound: bytes = b"", **columns: Any) -> Clip:
    """Store a clip in the permanent tier."""
    request = speech(text)
    kind = columns.pop("content_type", "question")
    Clip.objects.record(request, kind)
    kept = entry_for(request, sound)
    speech_cache().tiers.permanents[0].put(kept)
    Clip.objects.filter(content_hash=request.content_hash).update(**columns)
    return Clip.objects.get(content_hash=request.content_hash)


def entry_for(request: SpeechRequest, sound: bytes = b"") -> Entry:
    kept = entry(request.content_hash, sound or f"sound of {request.content_hash}".encode() * 50)
    return replace(kept, audio_format="pcm", loudness_dbfs=-21.25, made_ahead=True)


def keep_some(number: int = 5) -> list[Clip]:
    kept = [keep(f"Clip {place} about {SECRET}.", created_at=YEARS_AGO) for place in range(number)]
    return sorted(kept, key=lambda clip: clip.content_hash)


def run(command: str, file: Path) -> tuple[int, str]:
    """Return the exit code and the output."""
    said = StringIO()
    try:
        call_command(command, str(file), stdout=said, stderr=said)
    except CommandError as error:
        return error.returncode, said.getvalue() + str(error)
    return 0, said.getvalue()


def export(file: Path) -> str:
    code, said = run("export_clips", file)
    assert code == 0, said
    return said


def forget_everything() -> None:
    ClipFile.objects.all().delete()
    Clip.objects.all().delete()


def names_in(file: Path) -> list[str]:
    with tarfile.open(file) as tar:
        return tar.getnames()


def facts_of(clip: Clip) -> dict[str, Any]:
    """Return the columns that describe the clip, without place and times of storage on this site."""
    clip.refresh_from_db()
    own = {"id", "stored_at", "last_accessed_at", "audio_file_path", "stored_in", "encoding", "stored_size"}
    facts = {column.name: getattr(clip, column.attname) for column in Clip._meta.fields}
    facts["waveform"] = bytes(clip.waveform or b"")
    return {name: value for name, value in facts.items() if name not in own}


def sounds() -> dict[str, bytes]:
    """Return the audio of every clip in the permanent tier."""
    found = {
        clip.content_hash: speech_cache().find_permanent(clip.content_hash) for clip in Clip.objects.all()
    }
    return {content_hash: hit.entry.audio for content_hash, hit in found.items() if hit}


@pytest.fixture(params=["database", "storage"])
def target(request: pytest.FixtureRequest) -> Any:
    """A function that switches to the permanent tier of the import, with compression."""

    def switch(settings: Any) -> None:
        if request.param == "storage":
            request.getfixturevalue("clips_bucket")
        settings.TTSCACHE = {**settings.TTSCACHE, "compression": "gzip"}
        wiring.forget()

    return switch


def test_imported_clips_have_every_fact_that_was_exported(file: Path, target: Any, settings: Any) -> None:
    kept = keep_some()
    shared = keep("Shared.", content_type="analysis", is_shareable=True, created_at=YEARS_AGO)
    adopted = keep("Adopted.", adopted_at=YEARS_AGO, content_type="greeting")
    before = [facts_of(clip) for clip in (*kept, shared, adopted)]
    heard = sounds()
    assert export(file).startswith("7 clips are in the archive")
    forget_everything()
    target(settings)

    code, said = run("import_clips", file)

    assert (code, said.startswith("7 clips were imported")) == (0, True), said
    again = [Clip.objects.get(content_hash=facts["content_hash"]) for facts in before]
    assert [facts_of(clip) for clip in again] == before
    assert sounds() == heard
    assert {clip.encoding for clip in again} == {"gzip"}
    assert {clip.stored_in for clip in again} == {speech_cache().tiers.permanent.name}


def test_a_recording_that_staff_accepted_stays_accepted_after_an_import(file: Path) -> None:
    accepted, plain = keep("Accepted."), keep("Plain.")
    Clip.objects.filter(pk=accepted.pk).update(accepted_checksum=accepted.checksum)
    export(file)
    forget_everything()
    assert run("import_clips", file)[0] == 0
    again = {clip.content_text: clip for clip in Clip.objects.all()}
    assert again["Accepted."].accepted_checksum == accepted.checksum
    assert again["Plain."].accepted_checksum == ""
    assert plain.content_hash in {clip.content_hash for clip in again.values()}


def test_a_refused_recording_is_never_exported(file: Path) -> None:
    clip = keep("Made before, and refused when it was made again.")
    refused_take(clip, b"the bytes of a refused recording")
    export(file)
    assert b"the bytes of a refused recording" not in file.read_bytes()


def test_clips_that_are_here_and_whole_stay_as_they_are(file: Path) -> None:
    keep_some()
    export(file)
    before = list(Clip.objects.order_by("pk").values())
    code, said = run("import_clips", file)
    assert (code, "0 clips were imported" in said, "5 were already here" in said) == (0, True, True)
    assert list(Clip.objects.order_by("pk").values()) == before


def test_clips_made_anew_since_the_export_keep_their_new_sound(file: Path) -> None:
    (kept,) = keep_some(1)
    export(file)
    speech_cache().tiers.permanent.put(entry_for(kept.request, b"newer"))
    run("import_clips", file)
    assert sounds() == {kept.content_hash: b"newer"}


def test_an_import_gives_a_record_its_missing_audio_on_the_side_of_its_pins(
    file: Path, s3: S3Server, clips_bucket: str
) -> None:
    (kept,) = keep_some(1)
    heard = sounds()
    export(file)
    forget_everything()
    s3.empty(clips_bucket)
    Clip.objects.record(kept.request, ContentType.QUESTION)
    Pin.objects.create(content_hash=kept.content_hash, reason=Pin.Reason.LIVE)
    assert run("import_clips", file)[0] == 0
    assert sounds() == heard
    assert [name.partition("/")[0] for name in s3.objects(clips_bucket)] == ["public"]
    assert speech_cache().find(kept.content_hash).entry.is_published  # type: ignore[union-attr]


@pytest.mark.parametrize("damage", [b"", b"other"])
def test_an_import_replaces_damaged_bytes(file: Path, damage: bytes) -> None:
    keep_some(2)
    heard = sounds()
    export(file)
    ClipFile.objects.update(file_data=damage)
    assert "2 clips were imported" in run("import_clips", file)[1]
    assert sounds() == heard


def test_an_import_replaces_lost_bytes(file: Path) -> None:
    keep_some(2)
    heard = sounds()
    export(file)
    ClipFile.objects.all().delete()
    assert "2 clips were imported" in run("import_clips", file)[1]
    assert sounds() == heard
    assert not Invalidation.objects.exists(), "the bytes are the ones that hosts hold copies of"


def test_an_imported_clip_is_not_stale_though_it_was_not_requested_for_long(file: Path) -> None:
    keep_some(1)
    Clip.objects.update(last_accessed_at=YEARS_AGO)
    export(file)
    forget_everything()
    run("import_clips", file)
    assert not stale_clips(90).exists()
    Clip.objects.update(last_accessed_at=YEARS_AGO, stored_at=None)
    run("import_clips", file)
    assert not stale_clips(90).exists(), "nor one that was on record"


class CountingHooks(hooks.Hooks):
    ended = 0

    def run_ended(self) -> None:
        self.ended += 1


@pytest.fixture
def counting_hooks() -> Iterator[CountingHooks]:
    before = hooks.installed()
    counting = CountingHooks()
    hooks.install(counting)
    yield counting
    hooks.install(before)


def test_an_import_notifies_versions_that_wait_for_clips(file: Path, counting_hooks: CountingHooks) -> None:
    keep_some(1)
    export(file)
    assert counting_hooks.ended == 0
    run("import_clips", file)
    assert counting_hooks.ended == 1


# --- clips that are not exported --------------------------------------------------------------------------
def test_a_persons_own_words_are_never_exported(file: Path) -> None:
    (kept,) = keep_some(1)
    keep("I said this myself.")
    Clip.objects.exclude(pk=kept.pk).update(content_type="response")
    keep("You told us of your brother.", content_type="analysis", adopted_at=YEARS_AGO)
    export(file)
    assert names_in(file)[1:-1] == [f"{kept.content_hash}.json", f"{kept.content_hash}.pcm"]
    assert b"myself" not in file.read_bytes()
    assert b"told us" not in file.read_bytes()


def test_records_without_audio_and_clips_out_of_use_are_not_exported(file: Path) -> None:
    Clip.objects.record(speech("Not made yet."), "question")
    keep("Out of use.", is_active=False)
    assert export(file).startswith("0 clips are in the archive")
    assert names_in(file) == ["lifereview-clips.json", "end.json"]


def test_a_clip_under_a_wrong_key_is_not_exported(file: Path) -> None:
    keep("Kept by others.", content_text="Words of another clip.")
    said = export(file)
    assert "1 clips were left out: its key does not match its text and voice." in said


def test_a_clip_that_cannot_be_read_is_named_and_the_others_are_exported(file: Path) -> None:
    kept = keep_some()
    ClipFile.objects.filter(cache=kept[1]).update(file_data=b"other")
    ClipFile.objects.filter(cache=kept[3]).delete()
    code, said = run("export_clips", file)
    assert code == 1
    for lost in (kept[1], kept[3]):
        assert f"Not exported: {lost.content_hash}: its bytes are missing or damaged" in said
    assert "2 clips could not be exported; all others are in" in said
    assert SECRET not in said
    assert len(names_in(file)) == 2 * 3 + 2


def test_clips_of_a_bucket_that_is_not_set_up_here_are_named(file: Path) -> None:
    (kept,) = keep_some(1)
    Clip.objects.update(stored_in=PermanentStore.STORAGE)
    code, said = run("export_clips", file)
    assert (code, f"{kept.content_hash}: it is stored in a bucket that is not set up here" in said) == (
        1,
        True,
    )


# --- an export that was cut off ---------------------------------------------------------------------------
def test_an_export_continues_wherever_it_was_cut_off(file: Path) -> None:
    keep_some()
    export(file)
    whole = file.read_bytes()
    part = file.with_name("voice.tar.part")
    for length in (0, 1, 511, 700, *range(1_024, len(whole), 389), len(whole)):
        part.write_bytes(whole[:length])
        file.unlink()
        export(file)
        assert file.read_bytes() == whole, length
        assert not part.exists()


def test_a_resumed_export_does_not_reread_whole_members(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_some()
    export(file)
    whole = file.read_bytes()
    file.with_name("voice.tar.part").write_bytes(whole[:-10_000])
    ClipFile.objects.all().delete()
    code, said = run("export_clips", file)
    assert "already has 4 clips" in said or "already has 3 clips" in said, said
    assert code == 1


def test_a_resumed_export_rewrites_damaged_bytes_in_the_middle(file: Path) -> None:
    keep_some()
    export(file)
    whole = file.read_bytes()
    torn = bytearray(whole)
    torn[len(whole) // 3] ^= 0xFF
    file.with_name("voice.tar.part").write_bytes(torn)
    export(file)
    assert file.read_bytes() == whole


def test_two_exports_of_equal_clips_give_equal_files(file: Path) -> None:
    keep_some()
    export(file)
    first = file.read_bytes()
    export(file)
    assert file.read_bytes() == first


def test_an_archive_is_readable_by_its_owner_only(file: Path) -> None:
    keep_some(1)
    export(file)
    assert file.stat().st_mode & 0o777 == 0o600


def test_an_export_leaves_the_part_file_of_another_database_alone(file: Path) -> None:
    keep_some()
    part = file.with_name("voice.tar.part")
    export(file)
    part.write_bytes(file.read_bytes()[:-2_000])
    before = part.read_bytes()
    DatabaseIdentity.objects.all().delete()
    code, said = run("export_clips", file)
    assert (code, "is from another database" in said) == (1, True)
    assert part.read_bytes() == before


def test_an_export_leaves_a_file_that_is_no_archive_alone(file: Path) -> None:
    part = file.with_name("voice.tar.part")
    part.write_bytes(b"a letter" * 200)
    code, said = run("export_clips", file)
    assert (code, "not an unfinished archive" in said) == (1, True)
    assert part.read_bytes() == b"a letter" * 200


def test_two_exports_at_once_never_write_one_file(file: Path) -> None:
    with file.with_name("voice.tar.part").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        code, said = run("export_clips", file)
    assert (code, "Another export is writing" in said) == (1, True)


def test_an_export_into_a_missing_folder_fails_with_one_line(tmp_path: Path) -> None:
    code, said = run("export_clips", tmp_path / "none" / "voice.tar")
    assert (code, "No such file or directory." in said, "\n" in said) == (1, True, False)


def test_an_archive_travels_through_a_pipe(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_some()
    heard = sounds()
    pipe = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(pipe))
    said = StringIO()
    call_command("export_clips", "-", stderr=said)
    export(file)
    assert pipe.getvalue() == file.read_bytes()
    assert "5 clips are in the archive" in said.getvalue()
    forget_everything()
    pipe.seek(0)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(pipe))
    assert run("import_clips", Path("-"))[0] == 0
    assert sounds() == heard


# --- an archive that is damaged ---------------------------------------------------------------------------
def test_an_import_names_each_damaged_clip_and_imports_the_rest(file: Path) -> None:
    kept = keep_some()
    heard = sounds()
    export(file)
    content = bytearray(file.read_bytes())
    content[content.index(heard[kept[1].content_hash]) + 5] ^= 1
    content[content.index(f"{kept[3].content_hash}.json".encode())] ^= 1
    file.write_bytes(content)
    forget_everything()

    code, said = run("import_clips", file)

    assert code == 1
    assert f"Not imported: {kept[1].content_hash}: its sound is damaged." in said
    assert f"Not imported: {kept[3].content_hash}: its description is missing or damaged." in said
    assert "3 clips were imported" in said and "2 of its 5 clips were not imported." in said
    assert SECRET not in said
    whole = {clip.content_hash for clip in kept} - {kept[1].content_hash, kept[3].content_hash}
    assert sounds() == {content_hash: heard[content_hash] for content_hash in whole}
    assert Clip.objects.count() == 3


def test_an_import_reports_an_archive_that_was_cut_off(file: Path) -> None:
    kept = keep_some()
    heard = sounds()
    export(file)
    content = file.read_bytes()
    file.write_bytes(content[: content.index(heard[kept[2].content_hash]) + 9])
    forget_everything()
    code, said = run("import_clips", file)
    assert code == 1
    assert f"Not imported: {kept[2].content_hash}: the archive ends before it does." in said
    assert "The archive is cut off. 3 of its 5 clips were not imported." in said
    assert sounds().keys() == {clip.content_hash for clip in kept[:2]}


def test_a_file_of_another_kind_is_no_archive(file: Path) -> None:
    file.write_bytes(b"a letter" * 1_000)
    assert run("import_clips", file) == (1, f"{file} is not an archive of clips.")
    file.write_bytes(b"")
    assert run("import_clips", file) == (1, f"{file} is not an archive of clips.")
    file.unlink()
    assert run("import_clips", file) == (1, f"{file}: No such file or directory. 0 clips were imported.")


def test_a_clip_of_other_words_than_those_on_record_is_refused(file: Path) -> None:
    clip = archived_clip("These words.")
    write_archive(file, [clip])
    Clip.objects.record(speech("These words."), "question")
    Clip.objects.update(content_text="Words of another clip.")
    code, said = run("import_clips", file)
    assert (code, f"{clip.content_hash}: its key is on record here with another text" in said) == (1, True)
    assert sounds() == {}


def test_a_clip_of_a_person_s_own_words_on_record_gets_no_sound(file: Path) -> None:
    write_archive(file, [archived_clip("These words.")])
    Clip.objects.record(speech("These words."), "response")
    code, said = run("import_clips", file)
    assert (code, "its key is on record here as a person's own words" in said) == (1, True)
    assert sounds() == {}


def test_an_import_leaves_a_clip_out_of_use_that_was_taken_out_of_use_here(file: Path) -> None:
    keep_some(1)
    export(file)
    Clip.objects.update(is_active=False)
    assert run("import_clips", file)[0] == 0
    assert not Clip.objects.get().is_active


def test_a_bucket_that_is_away_ends_an_import_in_one_line(
    file: Path, s3: S3Server, clips_bucket: str
) -> None:
    keep_some()
    heard = sounds()
    export(file)
    forget_everything()
    s3.stop()
    code, said = run("import_clips", file)
    assert code == 1
    assert "0 clips were imported. Run this again for the others." in said
    s3.start()
    wiring.forget()
    assert run("import_clips", file)[0] == 0
    assert sounds() == heard
    assert set(Clip.objects.values_list("stored_in", flat=True)) == {"storage"}


def test_a_bucket_that_is_away_ends_an_export_in_one_line(
    file: Path, s3: S3Server, clips_bucket: str
) -> None:
    keep_some()
    s3.stop()
    code, said = run("export_clips", file)
    assert (code, "run this again to continue" in said, file.exists()) == (1, True, False)
