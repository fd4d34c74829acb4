"""The commit that runs, without starting git, which a server may not have."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from lifereview.env.reader import Environment

_HASH = re.compile(r"[0-9a-f]{7,64}")


def commit(env: Environment, folder: Path) -> str:
    """The variable COMMIT, or the file of that name in the folder, or what .git says; else empty."""
    given = env.matching("COMMIT", r"[0-9A-Za-z._-]{1,64}", "the hash of a commit, such as 2d70561")
    if given:
        return given
    with suppress(OSError, UnicodeDecodeError):
        if _HASH.fullmatch(written := (folder / "COMMIT").read_text().strip()):
            return written
    with suppress(OSError, UnicodeDecodeError):
        return _checked_out(folder / ".git")
    return ""


def _checked_out(git: Path) -> str:
    """Read HEAD as git does (gitrepository-layout(5)). A work tree has a HEAD of its own."""
    if git.is_file():
        git = git.parent / git.read_text().removeprefix("gitdir:").strip()
    head = (git / "HEAD").read_text().strip()
    if _HASH.fullmatch(head):
        return head
    branch = head.removeprefix("ref:").strip()
    common = git
    with suppress(FileNotFoundError):
        common = git / (git / "commondir").read_text().strip()
    with suppress(FileNotFoundError):
        return _hash_in((common / branch).read_text())
    for line in (common / "packed-refs").read_text().splitlines():
        found, _, name = line.partition(" ")
        if name == branch:
            return _hash_in(found)
    return ""


def _hash_in(text: str) -> str:
    return text.strip() if _HASH.fullmatch(text.strip()) else ""
