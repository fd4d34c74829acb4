"""The contract of every tier, and tests of each tier."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import DatabaseError, connection

from harness.clips import KEY, OTHER, entry, hum
from harness.tier_contract import LocalTierContract, TierContract
from ttscache.errors import TierError
from ttscache.models import Clip, ClipFile
from ttscache.speech import SpeechRequest
from ttscache.tiers import checksum_of
from ttscache.tiers.database import DatabaseTier
from ttscache.tiers.files import FileTier
from ttscache.tiers.memory import MemoryTier


@pytest.mark.any_database
class TestMemoryTier(LocalTierContract):
    @pytest.fixture
    def tier(self) -> MemoryTier:
        return MemoryTier(1_000_000)

    def test_memory_tier_keeps_a_clip_that_was_requested_twice_and_drops_others(self) -> None:
        tier = MemoryTier(35_000)
        for content_hash in "abc":
            tier.put(entry(content_hash * 32, bytes(10_000)))
        for _ in range(2):
            tier.get("a" * 32)
        tier.put(entry("d" * 32, bytes(10_000)))

        assert sorted(content_hash[0] for content_hash, _ in tier.entries()) == ["a", "c", "d"]

    def test_a_hundred_clips_heard_once_do_not_push_a_popular_one_out_of_memory(self) -> None:
        tier = MemoryTier(100_000)
        tier.put(entry(sound=bytes(10_000)))
        for number in range(100):
            tier.put(entry(f"{number:032}", bytes(10_000)))
            tier.get(KEY)

        assert tier.has(KEY)

    def test_a_request_for_published_clips_counts_only_if_the_clip_is_one(self) -> None:
        tier = MemoryTier(35_000)
        tier.put(entry("a" * 32, bytes(10_000), is_published=True))
        tier.put(entry("b" * 32, bytes(10_000)))
        for content_hash in ("a" * 32, "b" * 32) * 2:
            tier.get_published(content_hash)
        for content_hash in "cd":
            tier.put(entry(content_hash * 32, bytes(10_000)))

        assert sorted(content_hash[0] for content_hash, _ in tier.entries()) == ["a", "c", "d"]

    def test_a_clip_that_comes_back_soon_stays_in_memory_among_new_ones(self) -> None:
        tier = MemoryTier(100_000)
        for number in (*range(12), 0, *range(20, 32)):
            tier.put(entry(f"{number:032}", bytes(10_000)))

        assert tier.has(f"{0:032}")

    def test_memory_tier_of_zero_bytes_keeps_nothing(self) -> None:
        tier = MemoryTier(0)
        tier.put(entry())

        assert tier.get(KEY) is None

    def test_memory_tier_does_not_keep_a_clip_larger_than_its_bound(self) -> None:
        tier = MemoryTier(10_000)
        tier.put(entry(sound=bytes(20_000)))

        assert tier.get(KEY) is None


@pytest.mark.any_database
class TestFileTier(LocalTierContract):
    @pytest.fixture
    def tier(self, tmp_path: Path) -> FileTier:
        return FileTier(tmp_path, 1_000_000)

    def test_file_tier_finds_its_clips_after_a_restart(self, tmp_path: Path) -> None:
        FileTier(tmp_path, 1_000_000).put(entry())

        assert FileTier(tmp_path, 1_000_000).get(KEY) == entry()

    def test_a_published_clip_lies_where_a_web_server_may_send_it(
        self, tier: FileTier, tmp_path: Path
    ) -> None:
        tier.put(entry(sound=b"plain bytes", is_published=True))
        tier.put(entry(OTHER))

        assert (tmp_path / "public" / KEY[:2] / f"{KEY}.mp3").read_bytes() == b"plain bytes"
        assert not list((tmp_path / "public").rglob(f"{OTHER}*"))

    def test_a_clip_moves_between_public_and_private_files_whole(
        self, tier: FileTier, tmp_path: Path
    ) -> None:
        tier.put(entry())
        tier.put(entry(is_published=True))
        tier.put(entry())

        assert list((tmp_path / "public").rglob("*.*")) == []
        assert tier.get(KEY) == entry()

    def test_file_tier_evicts_the_least_recently_used_clip_at_its_bound(self, tmp_path: Path) -> None:
        tier = FileTier(tmp_path, 30_000)
        for age, letter in enumerate("dcba"):
            tier.put(entry(letter * 32, bytes(7_000)))
            os.utime(tmp_path / "private" / (letter * 2) / f"{letter * 32}.mp3", (1_000 + age, 1_000 + age))
        tier.put(entry("e" * 32, bytes(7_000)))

        assert sorted(content_hash[0] for content_hash, _ in tier.entries()) == ["a", "b", "e"]

    @staticmethod
    def filled(tmp_path: Path, kept: str, clips: str = "dcba") -> set[str]:
        """Return the clips that remain once another process stored these (oldest first) and one more."""
        FileTier(tmp_path, 30_000).set_kept(frozenset(letter * 32 for letter in kept))
        tier = FileTier(tmp_path, 30_000)
        for age, letter in enumerate(clips):
            tier.put(entry(letter * 32, bytes(7_000)))
            os.utime(tmp_path / "private" / (letter * 2) / f"{letter * 32}.mp3", (1_000 + age, 1_000 + age))
        tier.put(entry("e" * 32, bytes(7_000)))
        return {content_hash[0] for content_hash, _ in tier.entries()}

    def test_file_tier_evicts_other_clips_before_held_ones(self, tmp_path: Path) -> None:
        assert self.filled(tmp_path, kept="dc") == {"c", "d", "e"}

    def test_file_tier_stays_within_its_bound_when_held_clips_are_too_many(self, tmp_path: Path) -> None:
        assert self.filled(tmp_path, kept="abcde") == {"a", "b", "e"}

    def test_file_tier_evicts_a_clip_that_is_no_longer_held(self, tmp_path: Path) -> None:
        FileTier(tmp_path, 30_000).set_kept(frozenset(["d" * 32]))

        assert self.filled(tmp_path, kept="") == {"a", "b", "e"}

    def test_file_tier_lists_its_clips(self, tier: FileTier) -> None:
        tier.put(entry())
        tier.put(entry(OTHER, is_published=True))

        assert [tier.has(each) for each in (KEY, OTHER, "a" * 32)] == [True, True, False]

    def test_file_tier_does_not_keep_a_clip_larger_than_its_bound(self, tmp_path: Path) -> None:
        tier = FileTier(tmp_path, 1_000)
        tier.put(entry(sound=bytes(2_000)))

        assert tier.get(KEY) is None

    @pytest.mark.parametrize("damage", [b"", b"soun", b"soundly", b"other"])
    def test_a_damaged_file_is_a_miss(self, tier: FileTier, tmp_path: Path, damage: bytes) -> None:
        tier.put(entry())
        (tmp_path / "private" / KEY[:2] / f"{KEY}.mp3").write_bytes(damage)

        assert tier.get(KEY) is None
        tier.put(entry())
        assert tier.get(KEY) == entry()

    @pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"audio": ""}', b"\xff"])
    def test_a_damaged_description_is_a_miss(self, tier: FileTier, tmp_path: Path, damage: bytes) -> None:
        tier.put(entry())
        (tmp_path / "private" / KEY[:2] / f"{KEY}.json").write_bytes(damage)

        assert tier.get(KEY) is None

    def test_a_description_of_an_earlier_version_is_read(self, tier: FileTier, tmp_path: Path) -> None:
        tier.put(entry())
        path = tmp_path / "private" / KEY[:2] / f"{KEY}.json"
        fields = json.loads(path.read_bytes())
        del fields["made_ahead"]
        path.write_text(json.dumps(fields))

        assert tier.get(KEY) == entry()

    def test_a_full_disk_leaves_what_was_there(
        self, tier: FileTier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        tier.put(entry())
        monkeypatch.setattr("ttscache.tiers.files.os.replace", full)
        with pytest.raises(TierError, match="No space left"):
            tier.put(entry(sound=b"newer"))

        assert tier.get(KEY) == entry()
        assert not list(tmp_path.rglob("*.draft"))

    def test_a_process_killed_in_mid_write_leaves_all_of_a_clip_or_none(self, tmp_path: Path) -> None:
        program = (
            "import sys, pathlib, django; django.setup()\n"
            "from ttscache.tiers.files import FileTier\n"
            "from harness.clips import entry\n"
            "tier = FileTier(pathlib.Path(sys.argv[1]), 10**9)\n"
            "print('go', flush=True)\n"
            "while True:\n"
            "    for n in range(16): tier.put(entry(f'{n:032x}', bytes([n]) * 300_000))\n"
        )
        for _ in range(4):
            writer = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE)
            assert writer.stdout and writer.stdout.readline()
            writer.stdout.read(0)
            while not list(tmp_path.rglob("*.json")):
                assert writer.poll() is None
            writer.send_signal(signal.SIGKILL)
            writer.wait()
            writer.stdout.close()
        found = [FileTier(tmp_path, 10**9).get(f"{n:032x}") for n in range(16)]

        assert any(found)
        assert all(each is None or each.size == 300_000 for each in found)

    def test_a_description_says_nothing_of_the_words(self, tier: FileTier, tmp_path: Path) -> None:
        tier.put(entry())

        description = json.loads((tmp_path / "private" / KEY[:2] / f"{KEY}.json").read_bytes())
        assert "text" not in description


@pytest.mark.django_db
class TestDatabaseTier(TierContract):
    @pytest.fixture
    def tier(self) -> DatabaseTier:
        for content_hash in (KEY, OTHER):
            Clip.objects.create(
                content_hash=content_hash, content_text="x" * 40, voice="nova", content_type="question"
            )
        return DatabaseTier()

    def test_the_database_tier_cannot_keep_a_clip_without_a_record(self) -> None:
        with pytest.raises(TierError, match="without a record"):
            DatabaseTier().put(entry())

    def test_damaged_bytes_are_a_miss_from_then_on(self, tier: DatabaseTier) -> None:
        tier.put(entry())
        ClipFile.objects.update(file_data=b"other")

        assert tier.get(KEY) is None
        assert not Clip.objects.get(content_hash=KEY).is_ready
        tier.put(entry())
        assert tier.get(KEY) == entry()

    def test_a_clip_that_was_taken_out_of_use_is_a_miss(self, tier: DatabaseTier) -> None:
        tier.put(entry())
        Clip.objects.update(is_active=False)

        assert tier.get(KEY) is None

    def test_an_adopted_clip_is_examined_when_it_is_first_read(self, tier: DatabaseTier) -> None:
        clip = Clip.objects.record(
            SpeechRequest(text="Yes.", voice="nova", model="m", audio_format="pcm"), "question"
        )
        ClipFile.objects.create(cache=clip, file_data=hum(2), file_size=96_000)
        Clip.objects.filter(pk=clip.pk).update(stored_at="2026-01-01T00:00:00Z")
        found = tier.get(clip.content_hash)

        assert found is not None
        assert (found.duration_ms, found.checksum) == (2_000, checksum_of(hum(2)))
        assert Clip.objects.get(pk=clip.pk).duration_ms == 2_000

    def test_an_adopted_clip_that_does_not_decode_is_a_miss(self, tier: DatabaseTier) -> None:
        clip = Clip.objects.get(content_hash=KEY)
        ClipFile.objects.create(cache=clip, file_data=b"<html>", file_size=6)
        Clip.objects.filter(pk=clip.pk).update(stored_at="2026-01-01T00:00:00Z")

        assert tier.get(KEY) is None
        assert not Clip.objects.get(content_hash=KEY).is_ready

    def test_database_tier_packs_a_clip_that_compresses_well_and_reads_it_back(
        self, tier: DatabaseTier
    ) -> None:
        tier.put(entry(sound=bytes(20_000)))

        clip = Clip.objects.get(content_hash=KEY)
        assert clip.stored_size == clip.file.file_size == len(bytes(clip.file.file_data)) < 100
        assert (clip.encoding, clip.audio_file_size) == ("gzip", 20_000)
        assert tier.get(KEY) == entry(sound=bytes(20_000))

    def test_packed_bytes_that_do_not_unpack_are_a_miss(self, tier: DatabaseTier) -> None:
        tier.put(entry(sound=bytes(20_000)))
        ClipFile.objects.update(file_data=b"not gzip")

        assert tier.get(KEY) is None
        assert not Clip.objects.get(content_hash=KEY).is_ready

    @pytest.mark.parametrize("setting", ["auto", "gzip", "none"])
    def test_database_tier_reads_clips_under_any_compression_setting(
        self, tier: DatabaseTier, setting: str
    ) -> None:
        DatabaseTier("none").put(entry())
        DatabaseTier("gzip").put(entry(OTHER))

        assert DatabaseTier(setting).get(KEY) == entry()
        assert DatabaseTier(setting).get(OTHER) == entry(OTHER)

    def test_lost_bytes_are_a_miss_from_then_on(self, tier: DatabaseTier) -> None:
        tier.put(entry())
        ClipFile.objects.all().delete()

        assert tier.get(KEY) is None
        assert not Clip.objects.get(content_hash=KEY).is_ready

    def test_a_database_that_refuses_is_a_tier_error(self, tier: DatabaseTier) -> None:
        with connection.execute_wrapper(_refuse), pytest.raises(TierError):
            tier.get(KEY)
        with connection.execute_wrapper(_refuse), pytest.raises(TierError):
            tier.put(entry())


def _refuse(*_: object) -> None:
    raise DatabaseError("gone")
