"""The condition of the SQLite file: whole, damaged, or gone although an earlier site was here.

A start that takes a lost database for a new site would load the default journey beside the clips of the real
one, create a second first staff user, and hide the loss until the backups are overwritten.
"""

from __future__ import annotations

import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

SQLITE_NAME = "lifereview.sqlite3"
# Written into VAR_DIR once its database is there.
MARK = "site.txt"
_MARK_SAYS = """\
This folder belongs to a site. Its texts, settings and staff users are in {name}, beside this file.
If that file is lost, the site does not start, because it would start as a new one without your texts.
Restore the file from a backup. To begin a new site on purpose, move this whole folder away.
"""

# What the listener's page is read from. A site whose database lost one of these can play nothing.
_TABLES_TO_PLAY_FROM = (
    "django_migrations", "narratives_journey", "narratives_publication", "narratives_publicationentry",
    "narratives_narrative", "narratives_revision", "ttscache_pin", "ttscache_rendition", "tts_cache",
)  # fmt: skip
_CLIP = re.compile(r"[0-9a-f]{32}\.\w+")
_CHECK_SECONDS = 1.0  # a database of many gigabytes is checked in part
_STEPS_BETWEEN_LOOKS = 10_000  # of SQLite's virtual machine: some milliseconds


def address_to_read(path: Path) -> str:
    """The URI with which SQLite reads the file on a disk that it cannot write (sqlite.org/wal.html).

    SQLite reads a log of changes that a killed site has left only if the index of that log lies beside it.
    Without them it has to be told that nobody else writes.
    """
    log, index = path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")
    has_log = log.exists() and log.stat().st_size > 0 and index.exists()
    return f"file:{quote(str(path))}?mode=ro{'' if has_log else '&immutable=1'}"


def problem_with_file(path: Path, *, can_write: bool) -> str:
    """Why this file is not the whole database of a site, as the rest of a sentence; empty if it is."""
    try:
        size = path.stat().st_size
    except OSError:
        return "is missing"
    if not size:
        return "is empty"
    try:
        with closing(_opened(path, can_write)) as database:
            _check_pages(database)
            if not _has_tables(database):
                return "has no tables of this site"
    except sqlite3.Error as error:
        return f"is damaged ({error})"
    return ""


def can_play_from(path: Path) -> bool:
    """Whether the tables can be read that listeners need."""
    try:
        with closing(sqlite3.connect(address_to_read(path), uri=True)) as database:
            for table in _TABLES_TO_PLAY_FROM:
                for _ in database.execute(f"SELECT * FROM {table}"):  # noqa: S608 - our own names
                    pass
    except (sqlite3.Error, OSError):
        return False
    return True


def has_earlier_site(var_dir: Path, clips: Path) -> bool:
    """Whether a site has been here: its mark, or a clip that it kept."""
    return (var_dir / MARK).exists() or any(_CLIP.fullmatch(found.name) for found in clips.glob("*/??/*"))


def mark_folder(path: Path) -> None:
    """Note beside the database that a site is here."""
    mark = path.with_name(MARK)
    if not mark.exists():
        mark.write_text(_MARK_SAYS.format(name=path.name))


def _opened(path: Path, can_write: bool) -> sqlite3.Connection:
    address = f"file:{quote(str(path))}?mode=rw" if can_write else address_to_read(path)
    return sqlite3.connect(address, uri=True, timeout=20)


def _check_pages(database: sqlite3.Connection) -> None:
    """Raise sqlite3.DatabaseError if a page is damaged, or none of those looked at within a second."""
    end = time.monotonic() + _CHECK_SECONDS
    is_late = False

    def is_time_up() -> bool:
        nonlocal is_late
        is_late = time.monotonic() > end
        return is_late

    database.set_progress_handler(is_time_up, _STEPS_BETWEEN_LOOKS)
    try:
        (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError:
        if not is_late:
            raise
        return
    finally:
        database.set_progress_handler(None, 0)
    if found != "ok":
        raise sqlite3.DatabaseError("some of its pages cannot be read")


def _has_tables(database: sqlite3.Connection) -> bool:
    names = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return set(_TABLES_TO_PLAY_FROM[:1]) <= names
