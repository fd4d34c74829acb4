"""Restores a backup. Until the last moment, and if it is killed, the old site stays as it is."""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models.functions import Now

from lifereview.backup.backup_file import CLIPS, DATABASE, BackupReader, UnusableBackup
from lifereview.backup.making import applied_migrations, own_key_file, speech_has_bucket
from lifereview.backup.rows import replace_rows
from lifereview.start.folded_migrations import FOLDED, LAST_FOLDED, has_only_some_folded
from ttscache.coordination.hosts import AT_WORK_SECONDS, CLUSTER, name_of, this_host
from ttscache.coordination.processes import is_process_alive
from ttscache.errors import TierError
from ttscache.maintenance import archive
from ttscache.maintenance.archive_file import ArchivedClip, ArchiveReader, UnusableClip
from ttscache.models import ProcessReport
from ttscache.wiring import forget, speech_cache

_REPORTED_SECONDS = 90  # web processes report every 20 s
_DATA = ("auth_user", "narratives_journey", "tts_cache")  # a site that was ever used has rows in one of them


@dataclass(frozen=True, slots=True)
class RestoredBackup:
    """`clips` came back into the bucket, `refused` could not. `has_key`: the secret key was written.

    `problem` is a sentence about the bucket, which may be away; the database is restored all the same.
    """

    has_key: bool
    clips: int = 0
    refused: int = 0
    problem: str = ""


def restore_backup(reader: BackupReader, *, overwrite: bool) -> RestoredBackup:
    """Put everything of the backup into this site.

    Raises UnusableBackup before anything is changed, or OSError, django.db.Error and TierError.
    """
    _check_migrations(reader)
    _check_site(overwrite=overwrite)
    with _extracted(reader) as database:
        if connection.vendor == "postgresql":
            _into_postgresql(reader, database)
        else:
            _into_sqlite(reader, database)
    has_key = _write_key(reader.read_key())
    forget()  # what this process read before belongs to the old site
    call_command("migrate", verbosity=0)
    ProcessReport.objects.all().delete()  # of the processes that ran when the backup was made
    try:
        return RestoredBackup(has_key, *_restore_clips(reader))
    except TierError as error:
        return RestoredBackup(has_key, problem=str(error))


# --- what must hold before --------------------------------------------------------------------------------
def _check_migrations(reader: BackupReader) -> None:
    """Refuse a backup of a newer version, whose tables are unknown here, and of an unreleased one."""
    loader = MigrationExecutor(None).loader
    known = {f"{app}.{name}" for app, name in loader.disk_migrations}
    if unknown := sorted(set(reader.head.migrations) - known - FOLDED):
        raise UnusableBackup(
            f"It was made by another version ({reader.head.version}) of this product, "
            f"whose migration {unknown[0]} is unknown here."
        )
    if has_only_some_folded(reader.head.migrations):
        raise UnusableBackup(
            "It was made by an unreleased version of this product and lacks tables of later ones. Restore it "
            f"with a checkout that still has {LAST_FOLDED}, and make a new backup there."
        )


def _check_site(*, overwrite: bool) -> None:
    """Refuse if the site is running, or has data that nobody said may go. Raises django.db.Error."""
    if connection.vendor == "sqlite" and not Path(connection.settings_dict["NAME"]).exists():
        return
    if connection.vendor == "sqlite" and overwrite and _is_damaged():
        return  # a database that cannot be read is what backups are for
    tables = set(connection.introspection.table_names())
    if ProcessReport._meta.db_table in tables and (running := _running_host()):
        raise UnusableBackup(
            f"The site is running on {running}. Stop it, wait {AT_WORK_SECONDS} s, run this again."
        )
    if overwrite:
        return
    for table in _DATA:
        if table in tables and _has_rows(table):
            raise UnusableBackup("This site has data. To replace all of it, add --overwrite.")


def _running_host() -> str:
    """The host on which processes of this site run, or ""."""
    reports = ProcessReport.objects.exclude(process=CLUSTER)
    recent = reports.filter(reported_at__gt=Now() - timedelta(seconds=_REPORTED_SECONDS))
    here = recent.filter(host=this_host()).values_list("process", flat=True)
    if any(is_process_alive(int(process)) for process in here if process.isdigit()):
        return name_of(this_host())
    since = Now() - timedelta(seconds=AT_WORK_SECONDS)
    elsewhere = reports.exclude(host=this_host()).filter(reported_at__gt=since)
    return name_of(elsewhere.values_list("host", flat=True).first() or "")


def _has_rows(table: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT 1 FROM "{table}" LIMIT 1')  # noqa: S608 - one of _DATA
        return cursor.fetchone() is not None


def _is_damaged() -> bool:
    try:
        with closing(sqlite3.connect(connection.settings_dict["NAME"], timeout=20)) as opened:
            opened.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError:
        return True
    return False


# --- the database -----------------------------------------------------------------------------------------
@contextmanager
def _extracted(reader: BackupReader) -> Iterator[Path]:
    """The database of the backup as a file beside the present one, from where it can take its place."""
    path = Path(settings.VAR_DIR) / "restored.sqlite3"
    try:
        reader.extract(DATABASE, path)
        if not _is_whole(path):
            raise UnusableBackup("The database in it is damaged.")
        yield path
    finally:
        _remove_database(path)


def _is_whole(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(path)) as opened:
            return bool(opened.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
    except sqlite3.DatabaseError:
        return False


def _into_postgresql(reader: BackupReader, database: Path) -> None:
    _prepare_tables(reader)
    replace_rows(database)


def _into_sqlite(reader: BackupReader, database: Path) -> None:
    here = Path(connection.settings_dict["NAME"])
    if reader.head.database == "sqlite":
        _take_place(database, here)
        return
    # Rows of PostgreSQL have no tables yet: make them in a new file, which then takes the old one's place.
    built = here.with_name("rebuilt.sqlite3")
    _remove_database(built)
    connection.close()
    connection.settings_dict["NAME"] = built
    try:
        _prepare_tables(reader)
        replace_rows(database)
        connection.close()
        built.chmod(0o600)
        _take_place(built, here)
    finally:
        connection.close()
        connection.settings_dict["NAME"] = here
        _remove_database(built)


def _prepare_tables(reader: BackupReader) -> None:
    """Bring the tables to the migrations of the backup. Raises UnusableBackup if they are further on."""
    executor = MigrationExecutor(connection)
    backed_up = {each for each in executor.loader.disk_migrations if ".".join(each) in reader.head.migrations}
    applied = set(applied_migrations())
    if applied - set(reader.head.migrations):
        raise UnusableBackup(
            "The tables here have newer migrations than the backup. "
            "Make an empty database, and set DATABASE_URL to it."
        )
    if backed_up == executor.loader.disk_migrations.keys():
        call_command("migrate", verbosity=0)
        return
    graph = executor.loader.graph
    followed = {
        parent.key for key in backed_up for parent in graph.node_map[key].parents if parent.key[0] == key[0]
    }
    latest = sorted(backed_up - followed)  # the last one of each app; naming an earlier one would undo these
    executor.migrate(latest)


def _take_place(new: Path, old: Path) -> None:
    """Put a SQLite database in the place of another one, in one step."""
    connection.close()
    if old.exists():
        with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(old, timeout=20)) as opened:
            # Afterwards the old database is whole without its -wal file, so that a kill now leaves all of it.
            opened.execute("PRAGMA journal_mode=DELETE")
        new.chmod(old.stat().st_mode & 0o777)
    for companion in ("-wal", "-shm", "-journal"):  # left by a damaged database; they would spoil the new one
        old.with_name(f"{old.name}{companion}").unlink(missing_ok=True)
    new.replace(old)
    descriptor = os.open(old.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_database(path: Path) -> None:
    for companion in ("", "-wal", "-shm", "-journal"):
        path.with_name(f"{path.name}{companion}").unlink(missing_ok=True)


# --- key and clips ----------------------------------------------------------------------------------------
def _write_key(key: str) -> bool:
    if not key:
        return False
    path = own_key_file()
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    draft.touch(mode=0o600)
    draft.write_text(key)
    draft.replace(path)
    return True


def _restore_clips(reader: BackupReader) -> tuple[int, int]:
    """Put clips that the bucket has lost back into it; those that are there and whole stay."""
    if CLIPS not in reader.names or not speech_has_bucket():
        return 0, 0
    path = Path(settings.VAR_DIR) / "restored.clips"
    restored, refused = 0, 0
    try:
        reader.extract(CLIPS, path)
        with path.open("rb") as file:
            for clip in ArchiveReader(file).clips():
                try:
                    if not isinstance(clip, ArchivedClip):
                        refused += 1
                    elif archive.restore_clip(speech_cache(), clip):
                        restored += 1
                except UnusableClip:
                    refused += 1
    finally:
        path.unlink(missing_ok=True)
    archive.tell_of_restored_clips()
    return restored, refused
