"""Keeps what this site writes from other people on its machine: clips, the database, keys, exports.

New files get their modes from the umask. Older ones, and those of a copy, are tightened at the start.
"""

from __future__ import annotations

import logging
import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

logger = logging.getLogger(__name__)

UMASK = 0o077
LINKED_FILE_MODE = 0o644  # as ttscache.tiers.links gives it
OTHERS = 0o077  # what the group and everybody else may do
# What this site writes into VAR_DIR. A folder that holds anything else may have another purpose as well.
_OURS = re.compile(r"site\.txt|(lifereview|test)\.sqlite3.*|secret_key.*|stopping-\d+|tmp|tts_cache|static")
_CLIPS = re.compile(r"public|private|kept|lock|links")  # in TTS_FILES_DIR


def write_privately() -> None:
    """Let only this user read what this process and its children write from now on."""
    os.umask(UMASK)


def tighten(var_dir: Path, files_dir: Path) -> None:
    """Take all rights of others away from what this site has written. Never touches what is not its own.

    A clip with a link for nginx stays readable; only its link can be reached, because the folders are closed.
    """
    count = _tighten_folder(var_dir, _OURS) + _tighten_folder(files_dir, _CLIPS)
    if count:
        logger.info("%d files and folders could be opened by other people on this machine; no longer.", count)


def _tighten_folder(folder: Path, ours: re.Pattern[str]) -> int:
    """Tighten what is ours in the folder, and the folder itself if it holds nothing else."""
    try:
        entries = list(os.scandir(folder))
        found = folder.stat()
    except OSError:
        return 0
    known = [entry for entry in entries if ours.fullmatch(entry.name)]
    count = sum(_tighten_path(path) for entry in known for path in _below(entry))
    is_shared = found.st_uid != os.geteuid() or bool(found.st_mode & stat.S_ISVTX)
    if not is_shared and all(entry in known or _is_private(entry) for entry in entries):
        count += _tighten_path(str(folder))
    return count


def _below(entry: os.DirEntry[str]) -> Iterator[str]:
    """The path of this entry and, if it is a folder, of everything in it. Links are not followed."""
    if entry.is_symlink():
        return
    yield entry.path
    if entry.is_dir(follow_symlinks=False):
        with suppress(OSError), os.scandir(entry.path) as inside:
            for each in inside:
                yield from _below(each)


def _is_private(entry: os.DirEntry[str]) -> bool:
    """Whether it is a plain file of ours, such as a backup, or already closed to others."""
    with suppress(OSError):
        found = entry.stat(follow_symlinks=False)
        is_plain = stat.S_ISREG(found.st_mode) or not found.st_mode & OTHERS
        return is_plain and found.st_uid == os.geteuid()
    return False


def _tighten_path(path: str) -> int:
    """Returns 1 if others had rights."""
    try:
        found = os.lstat(path)
        mode = stat.S_IMODE(found.st_mode)
        is_linked = stat.S_ISREG(found.st_mode) and found.st_nlink > 1
        if not mode & OTHERS or (is_linked and mode == LINKED_FILE_MODE):
            return 0
        os.chmod(path, mode & ~OTHERS)
    except OSError as error:  # it has gone meanwhile, or it belongs to somebody else
        if not isinstance(error, FileNotFoundError):
            logger.warning("Other people on this machine may be able to open %s: %s.", path, error.strerror)
        return 0
    return 1
