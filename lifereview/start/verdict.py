"""The verdict before a start: whole, only playing what was made before, or refused with one line."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection

from lifereview.start.disk import problem_with_writing
from lifereview.start.sqlite_file import (
    SQLITE_NAME,
    can_play_from,
    has_earlier_site,
    mark_folder,
    problem_with_file,
)
from ttscache.conf import conf

_IS_DAMAGED = "is damaged"
_RESTORE = "restore it from a backup (docs/operating.md)"


def sqlite_file() -> Path | None:
    """The database file of this site; None on PostgreSQL, and while tests use a database of their own."""
    path: Path = settings.VAR_DIR / SQLITE_NAME
    is_ours = connection.vendor == "sqlite" and str(connection.settings_dict["NAME"]) == str(path)
    return path if is_ours else None


def disk_problem() -> str:
    """Why VAR_DIR or the database in it cannot be written, with the remedy; empty if both can."""
    path = sqlite_file()
    files = [path.with_name(path.name + end) for end in ("", "-wal", "-shm")] if path is not None else []
    return problem_with_writing(settings.VAR_DIR, *files)


def reason_to_only_play(disk: str) -> str:
    """Why this start must change nothing, in one line; empty for a whole start. `disk` is `disk_problem()`.

    Raises CommandError if nothing can be played either.
    """
    path = sqlite_file()
    if path is None:
        return ""  # PostgreSQL has a disk of its own
    found = problem_with_file(path, can_write=not disk)
    is_damaged = found.startswith(_IS_DAMAGED)
    is_playable = bool(disk or is_damaged) and can_play_from(path)
    if disk and is_playable:
        return disk
    if disk:
        raise CommandError(f"{disk}. {path.name} {found}, so until then nothing can be played.")
    if is_damaged and is_playable:
        return f"{path} {found}: {_RESTORE}"
    require_whole_file()
    return ""


def require_whole_file() -> None:
    """Raise CommandError, in one line, if the SQLite file is damaged, or lost from beside an earlier site."""
    path = sqlite_file()
    found = problem_with_file(path, can_write=True) if path is not None else ""
    if not found or path is None:
        return
    if found.startswith(_IS_DAMAGED):
        raise CommandError(f"{path} {found}: {_RESTORE}. Nothing was changed; the clips are kept.")
    if has_earlier_site(settings.VAR_DIR, conf().files_dir):
        raise CommandError(
            f"{path} {found}, but a site was here before: {_RESTORE}, or set DATABASE_URL if that site used "
            "PostgreSQL. Nothing was changed. To begin a new site, move VAR_DIR away."
        )


def note_site() -> None:
    """Note in VAR_DIR that a site is here, once its tables are made."""
    path = sqlite_file()
    if path is not None:
        mark_folder(path)
