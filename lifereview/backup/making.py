"""Makes a backup while the site serves."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast

from django.conf import settings
from django.db import connection

from lifereview.backup.backup_file import (
    CLIPS,
    DATABASE,
    KEY,
    BackupHead,
    BackupWriter,
    UnusableBackup,
    is_backup,
    private_file,
)
from lifereview.backup.rows import write_rows_of_postgresql
from lifereview.start.folded_migrations import FOLDED, applied_in
from ttscache.maintenance import archive
from ttscache.maintenance.archive_file import ArchiveHead, ArchiveWriter, UnusableClip
from ttscache.models import PermanentStore
from ttscache.wiring import speech_cache


@dataclass(frozen=True, slots=True)
class MadeBackup:
    """`clips` counts those of the bucket, `lost` those of them whose bytes are missing or damaged."""

    size: int
    has_key: bool
    clips: int
    lost: int


def make_backup(path: Path, *, with_bucket: bool) -> MadeBackup:
    """Write the backup beside `path`, and give it that name once it is whole.

    Raises UnusableBackup, OSError, django.db.Error and TierError.
    """
    if path.exists() and not is_backup(path):
        raise UnusableBackup("It exists and is no backup; it is left as it is.")
    if not applied_migrations():  # a wrong folder or address must not pass for an empty site
        raise UnusableBackup("No backup was written: there is no site in this VAR_DIR or DATABASE_URL.")
    part, database, clips = (path.with_name(f"{path.name}{end}") for end in (".part", ".database", ".clips"))
    try:
        made = _write(part, database, clips, with_bucket=with_bucket and speech_has_bucket())
        # After a power cut there must be no file with the final name and missing bytes.
        part.replace(path)
        _sync_folder(path.parent)
        return made
    finally:
        for each in (part, database, clips):
            each.unlink(missing_ok=True)


def applied_migrations() -> list[str]:
    """`app.name` of each migration that the database has, but for the folded ones. Raises django.db.Error."""
    return sorted(applied_in(connection) - FOLDED)


def speech_has_bucket() -> bool:
    """Whether clips may lie in a bucket."""
    return len(speech_cache().tiers.permanents) > 1


def own_key_file() -> Path:
    """The file of the secret key that a site makes by itself. With SECRET_KEY set it counts for nothing."""
    return Path(settings.VAR_DIR) / "secret_key"


def is_key_given() -> bool:
    """Whether the key comes from the environment, which a backup does not hold."""
    path = own_key_file()
    return not path.exists() or path.read_text().strip() != settings.SECRET_KEY


def _write(part: Path, database: Path, clips: Path, *, with_bucket: bool) -> MadeBackup:
    with private_file(database):
        pass  # made with its mode before a row is in it
    if connection.vendor == "postgresql":
        write_rows_of_postgresql(database)
    else:
        _snapshot_of_sqlite(database)
    # After the database: a clip that is removed meanwhile is named as lost, and one that is new is left out.
    count, lost = _write_clips(clips) if with_bucket else (0, 0)
    has_key = not is_key_given()
    head = BackupHead(
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        version=settings.VERSION,
        commit=settings.COMMIT,
        database=connection.vendor,
        migrations=applied_migrations(),
        clips=count,
    )
    with private_file(part) as file:
        writer = BackupWriter(file, head)
        writer.add_file(DATABASE, database)
        if with_bucket:
            writer.add_file(CLIPS, clips)
        if has_key:
            writer.add_bytes(KEY, own_key_file().read_bytes())
        writer.end()
        file.flush()
        os.fsync(file.fileno())
        return MadeBackup(os.fstat(file.fileno()).st_size, has_key, count, lost)


def _snapshot_of_sqlite(path: Path) -> None:
    """Copy the database with SQLite's backup API, in one step: in pieces a busy site would begin it anew."""
    source = f"file:{connection.settings_dict['NAME']}?mode=rw"  # never make an empty one
    with (
        closing(sqlite3.connect(source, uri=True, timeout=20)) as opened,
        closing(sqlite3.connect(path)) as target,
    ):
        opened.backup(target)
        target.execute("PRAGMA journal_mode=DELETE")  # one file without companions


def _write_clips(path: Path) -> tuple[int, int]:
    written, lost = 0, 0
    with private_file(path) as file:
        writer = ArchiveWriter(cast(BinaryIO, file))
        writer.begin(ArchiveHead(archive.count_exportable(), archive.identity_of_database()))
        for export in archive.export_all(speech_cache(), only_in=PermanentStore.STORAGE):
            if export.clip is None:
                lost += 1
                continue
            try:
                writer.add(export.clip)
            except UnusableClip:  # one that the earlier system left and that no request leads to
                continue
            written += 1
        writer.end(written)
    return written, lost


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
