"""The archive file: reading it returns the clips that were written, however the file was damaged."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.clips import archived_clip
from ttscache.maintenance import archive_file
from ttscache.maintenance.archive_file import (
    ArchivedClip,
    ArchiveHead,
    ArchiveReader,
    ArchiveWriter,
    ClipDescription,
    NoArchive,
    RefusedClip,
    UnusableClip,
)
from ttscache.tiers import checksum_of

pytestmark = pytest.mark.any_database

SECRET = "the words of this text"


def some_clips(number: int = 6, sound: bytes = b"") -> list[ArchivedClip]:
    clips = [archived_clip(f"Question {place}: {SECRET}", sound) for place in range(number)]
    return sorted(clips, key=lambda clip: clip.content_hash)


def written(clips: Sequence[ArchivedClip]) -> bytes:
    file = io.BytesIO()
    writer = ArchiveWriter(file)
    writer.begin(ArchiveHead(len(clips), "here"))
    for clip in clips:
        writer.add(clip)
    writer.end(len(clips))
    return file.getvalue()


def members(*named: tuple[str, bytes]) -> bytes:
    """Return a tar file as another program would write it."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, content in named:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return file.getvalue()


def described(clip: ArchivedClip, **fields: object) -> bytes:
    """Return a description with these fields and its correct checksum."""
    given = json.loads(clip.description.to_line()) | fields
    del given["description_checksum"]
    line = json.dumps(given, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    checksum = checksum_of(line.encode("utf-8", "surrogatepass"))
    return json.dumps(given | {"description_checksum": checksum}).encode()


def read(archive: bytes) -> tuple[list[ArchivedClip], list[RefusedClip], ArchiveReader]:
    reader = ArchiveReader(io.BytesIO(archive))
    found = list(reader.clips())
    clips = [item for item in found if isinstance(item, ArchivedClip)]
    return clips, [item for item in found if isinstance(item, RefusedClip)], reader


CLIPS = some_clips()
ARCHIVE = written(CLIPS)
NOISE = written(some_clips(3, sound=bytes(range(256)) * 40 + b"ustar" * 50))


def test_an_archive_is_read_back_as_written() -> None:
    clips, refused, reader = read(ARCHIVE)
    assert (clips, refused) == (CLIPS, [])
    assert (reader.head, reader.end_clips) == (ArchiveHead(6, "here"), 6)


def test_a_tar_program_lists_an_archive() -> None:
    with tarfile.open(fileobj=io.BytesIO(ARCHIVE)) as tar:
        names = tar.getnames()
    pairs = [f"{clip.content_hash}.{ending}" for clip in CLIPS for ending in ("json", "pcm")]
    assert names == ["lifereview-clips.json", *pairs, "end.json"]
    assert len(ARCHIVE) % tarfile.RECORDSIZE == 0


@given(
    text=st.text(min_size=1).filter(lambda text: text.strip() and "\x00" not in text),
    waveform=st.binary(max_size=200),
    loudness=st.none() | st.floats(-90, 0),
    is_shareable=st.booleans(),
    at=st.datetimes(timezones=st.just(UTC)).filter(lambda at: 1970 < at.year < 9999),
)
def test_a_description_comes_back_as_it_was(
    text: str, waveform: bytes, loudness: float | None, is_shareable: bool, at: datetime
) -> None:
    clip = archived_clip(
        text, waveform=waveform, loudness_dbfs=loudness, is_shareable=is_shareable, adopted_at=at
    )
    assert ClipDescription.from_line(clip.description.to_line()) == clip.description


@settings(max_examples=300, deadline=None)
@given(
    archive=st.sampled_from([ARCHIVE, NOISE]),
    place=st.floats(0, 1, exclude_max=True),
    bit=st.integers(0, 7),
)
def test_a_flipped_bit_costs_one_clip_at_most_and_never_yields_a_wrong_one(
    archive: bytes, place: float, bit: int
) -> None:
    damaged = bytearray(archive)
    damaged[int(place * len(damaged))] ^= 1 << bit
    assert_no_wrong_clip(archive, bytes(damaged), most_lost=1)


@settings(max_examples=300, deadline=None)
@given(archive=st.sampled_from([ARCHIVE, NOISE]), place=st.floats(0, 1))
def test_an_archive_that_was_cut_off_yields_all_clips_before_the_cut(archive: bytes, place: float) -> None:
    cut = archive[: int(place * len(archive))]
    assert_no_wrong_clip(archive, cut, most_lost=6)
    assert [clip.content_hash for clip in read(cut)[0]] == [
        clip.content_hash
        for clip in read(archive)[0]
        if archive.index(clip.audio, archive.index(f"{clip.content_hash}.pcm".encode())) + len(clip.audio)
        <= len(cut)
    ]


@settings(max_examples=300, deadline=None)
@given(
    archive=st.sampled_from([ARCHIVE, NOISE]),
    place=st.floats(0, 1),
    lost=st.integers(0, 700),
    added=st.binary(max_size=700),
)
def test_bytes_that_are_lost_or_added_cost_the_clips_around_them(
    archive: bytes, place: float, lost: int, added: bytes
) -> None:
    at = int(place * len(archive))
    assert_no_wrong_clip(archive, archive[:at] + added + archive[at + lost :], most_lost=2)


@settings(max_examples=200, deadline=None)
@given(
    archive=st.sampled_from([ARCHIVE, NOISE]),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=30),
)
def test_much_damage_never_yields_a_wrong_clip(archive: bytes, flips: list[tuple[float, int]]) -> None:
    damaged = bytearray(archive)
    for place, value in flips:
        damaged[int(place * len(damaged))] = value
    assert_no_wrong_clip(archive, bytes(damaged), most_lost=len(flips))


def assert_no_wrong_clip(archive: bytes, damaged: bytes, *, most_lost: int) -> None:
    whole, _, _ = read(archive)
    try:
        clips, refused, reader = read(damaged)
    except NoArchive:
        assert damaged[:512] != archive[:512] or damaged[512:1024] != archive[512:1024]
        return
    assert all(clip in whole for clip in clips)
    assert len(clips) >= len(whole) - most_lost
    expected = reader.end_clips or (reader.head.clips if reader.head else 0)
    assert len(clips) == len(whole) or refused or not reader.is_complete or expected > len(clips)
    assert SECRET not in repr(refused)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=5_000))
def test_a_file_of_any_other_kind_holds_no_clip(content: bytes) -> None:
    clips, _, reader = read(content)
    assert (clips, reader.is_complete) == ([], False)


def refusals(archive: bytes) -> list[tuple[str, str]]:
    clips, refused, _ = read(archive)
    assert clips == []
    return [(item.content_hash, item.reason) for item in refused]


ONE = archived_clip(SECRET)
KEY = ONE.content_hash


@pytest.mark.parametrize(
    "fields",
    [
        {"speed": float("nan")},
        {"speed": 0},
        {"speed": "1"},
        {"voice": "no\x00va"},
        {"voice": "v" * 51},
        {"model": ""},
        {"audio_format": "exe"},
        {"audio_format": ["mp3"]},
        {"size": -1},
        {"size": True},
        {"size": 10**400},
        {"duration_ms": 2**31},
        {"created_at": "yesterday"},
        {"created_at": "9999-12-31T23:59:59.000000Z"},
        {"waveform": "no base64!"},
        {"is_shareable": "yes"},
        {"is_accepted": "yes"},
        {"content_hash": "../../etc/passwd"},
        {"content_type": "x" * 51},
        {"checksum": None},
        {"text": 7},
    ],
)
def test_a_description_that_no_export_writes_is_refused(fields: dict[str, object]) -> None:
    archive = members((f"{KEY}.json", described(ONE, **fields)), (f"{KEY}.pcm", ONE.audio))
    assert refusals(archive) == [(KEY, "its description has other fields than expected")]


def test_a_description_from_before_recordings_could_be_accepted_is_read() -> None:
    given = json.loads(ONE.description.to_line())
    del given["is_accepted"], given["description_checksum"]
    given["description_checksum"] = checksum_of(archive_file._canonical(given))
    assert ClipDescription.from_line(archive_file._canonical(given)) == ONE.description


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"[" * 100_000,
        b'{"text": "\\ud800", "description_checksum": ""}',
        b'{"size": ' + b"9" * 5_000 + b"}",
        b"\xff\xfe",
    ],
)
def test_a_description_that_is_damaged_is_refused(line: bytes) -> None:
    archive = members((f"{KEY}.json", line), (f"{KEY}.pcm", ONE.audio))
    assert refusals(archive) == [(KEY, "its description is damaged")]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"content_type": "response"}, "it says a person's own words"),
        (
            {"content_type": "analysis", "adopted_at": "2026-01-01T00:00:00.000000Z"},
            "it is a reflection of the earlier system that is not marked shareable",
        ),
        ({"text": "Other words."}, "its key does not match its text and voice"),
        ({"voice": "onyx"}, "its key does not match its text and voice"),
        ({"instructions": "Whisper."}, "its key does not match its text and voice"),
        ({"text": "\x00"}, "its description has other fields than expected"),
        ({"text": " "}, "its key does not match its text and voice"),
        ({"size": 2**31 - 1}, "its sound is far too large for its text"),
    ],
)
def test_a_description_of_a_clip_that_may_not_be_imported_is_refused(
    fields: dict[str, object], reason: str
) -> None:
    archive = members((f"{KEY}.json", described(ONE, **fields)), (f"{KEY}.pcm", ONE.audio))
    assert refusals(archive) == [(KEY, reason)]


def test_a_sound_with_another_ending_or_size_is_refused() -> None:
    line = ONE.description.to_line()
    reason = "its sound does not match its description"
    assert refusals(members((f"{KEY}.json", line), (f"{KEY}.mp3", ONE.audio))) == [(KEY, reason)]
    assert refusals(members((f"{KEY}.json", line), (f"{KEY}.pcm", b"x"))) == [(KEY, reason)]


def test_a_clip_that_comes_twice_is_refused_the_second_time() -> None:
    pair = ((f"{KEY}.json", ONE.description.to_line()), (f"{KEY}.pcm", ONE.audio))
    clips, refused, _ = read(members(*pair, *pair))
    assert clips == [ONE]
    assert refused == [RefusedClip(KEY, "it comes twice, or out of order")]


def test_archive_members_under_other_names_are_left_out() -> None:
    strangers = [("/etc/passwd", b"root"), ("../up.mp3", b"sound"), (f"{KEY}.exe", b"MZ"), ("x" * 200, b"")]
    pair = ((f"{KEY}.json", ONE.description.to_line()), (f"{KEY}.pcm", ONE.audio))
    clips, refused, _ = read(members(*strangers, *pair))
    assert clips == [ONE]
    assert {item.content_hash for item in refused} == {""}


def test_links_and_folders_in_an_archive_are_left_out() -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            member = tarfile.TarInfo(f"{KEY}.json")
            member.type, member.linkname = kind, "/etc/passwd"
            tar.addfile(member)
    assert {content_hash for content_hash, _ in refusals(file.getvalue())} == {""}


def test_a_member_that_claims_a_huge_size_takes_no_memory_and_hides_nothing() -> None:
    huge = tarfile.TarInfo(f"{'0' * 32}.json")
    huge.size = 8**11 - 1
    clips, refused, _ = read(huge.tobuf(tarfile.USTAR_FORMAT) + ARCHIVE)
    assert clips == CLIPS
    assert refused == [RefusedClip("0" * 32, "it is far too large")]


def test_an_archive_of_a_newer_product_is_refused_as_a_whole() -> None:
    head = b'{"format":2,"clips":1,"source":"there"}'
    with pytest.raises(NoArchive, match="newer version"):
        read(members((archive_file.HEAD, head)) + ARCHIVE)


def test_the_writer_refuses_whatever_the_reader_would_refuse() -> None:
    file = io.BytesIO()
    for fields in ({"content_type": "response"}, {"voice": "onyx"}, {"size": 2**31 - 1}):
        unusable = replace(ONE, description=replace(ONE.description, **fields))
        with pytest.raises(UnusableClip):
            ArchiveWriter(file).add(unusable)
    assert file.getvalue() == b""
