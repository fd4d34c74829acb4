"""A backup file is read only if every byte of it is right."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from lifereview.backup.backup_file import (
    DATABASE,
    FORMAT,
    HEAD,
    KEY,
    BackupHead,
    BackupReader,
    BackupWriter,
    UnusableBackup,
    is_backup,
    private_file,
)

pytestmark = pytest.mark.any_database

GIVEN = BackupHead("2026-11-28T20:00:00+00:00", "0.1.0", "2d70561", "sqlite", ["auth.0001_initial"], 0)


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    path, database = tmp_path / "site.backup", tmp_path / "database"
    database.write_bytes(bytes(range(256)) * 5_000)
    with private_file(path) as file:
        writer = BackupWriter(file, GIVEN)
        writer.add_file(DATABASE, database)
        writer.add_bytes(KEY, b"hush\n")
        writer.end()
    return path


def test_a_whole_backup_gives_back_what_was_written(backup: Path, tmp_path: Path) -> None:
    reader = BackupReader(backup)
    reader.extract(DATABASE, tmp_path / "extracted")

    assert reader.head == GIVEN
    assert reader.read_key() == "hush"
    assert (tmp_path / "extracted").read_bytes() == (tmp_path / "database").read_bytes()
    assert {path.stat().st_mode & 0o777 for path in (backup, tmp_path / "extracted")} == {0o600}
    assert is_backup(backup)


@pytest.mark.parametrize("place", [0.0, 0.001, 0.3, 0.6, 0.9, 0.985])
def test_a_changed_byte_is_noticed_wherever_it_is(backup: Path, place: float) -> None:
    content = bytearray(backup.read_bytes())
    content[int(len(content) * place)] ^= 0x41
    backup.write_bytes(content)

    with pytest.raises(UnusableBackup):
        BackupReader(backup)


@pytest.mark.parametrize("part", [0.0, 0.0005, 0.002, 0.5, 0.98])
def test_a_backup_that_is_cut_off_is_noticed_wherever_it_ends(backup: Path, part: float) -> None:
    content = backup.read_bytes()
    backup.write_bytes(content[: int(len(content) * part)])

    with pytest.raises(UnusableBackup):
        BackupReader(backup)


@pytest.mark.parametrize("content", [b"", b"hello", b"SQLite format 3\0" + bytes(4000)])
def test_another_file_is_no_backup(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)

    assert not is_backup(tmp_path / "file")
    with pytest.raises(UnusableBackup):
        BackupReader(tmp_path / "file")


def test_a_backup_of_a_newer_version_is_refused_with_that_reason(tmp_path: Path, backup: Path) -> None:
    newer = tmp_path / "newer.backup"
    with tarfile.open(backup) as old, tarfile.open(newer, "w") as new:
        for member in old:
            source = old.extractfile(member)
            assert source is not None
            content = source.read()
            if member.name == HEAD:
                content = content.replace(f'"format": {FORMAT}'.encode(), f'"format": {FORMAT + 1}'.encode())
            new.addfile(member, io.BytesIO(content))

    with pytest.raises(UnusableBackup, match="newer version"):
        BackupReader(newer)
