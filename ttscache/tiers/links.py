"""Links to the files of clips, in a folder that nginx reads. They take no room: a link is a second name.

    public/ab/ab12…/01234567.mp3    published clips, named by the version in their address (?v=01234567)
    private/ab/ab12…/01234567.mp3   all others, only if nginx also sends private clips

nginx never asks the site about a published clip, so a link may exist only while its clip is published, whole
and of that version. Callers remove a clip's links before they change it, and add the new one last.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ttscache.tiers import PRIVATE, PUBLIC, Entry, version_of

logger = logging.getLogger(__name__)

# The folder itself decides who may enter it. Within it, every user must be able to read.
LINKED_FILE_MODE, _FOLDER_MODE = 0o644, 0o755
_HASH_LENGTH = 32


class ClipLinks:
    """The links of one host. With `are_private_linked`, nginx sends private clips after the site's check.

    A link that cannot be made is no error: without it the site sends the clip.
    """

    def __init__(self, folder: Path, *, are_private_linked: bool) -> None:
        self.folder = folder
        self.are_private_linked = are_private_linked
        self._has_warned = False

    def covers(self, access: str) -> bool:
        """Whether clips of this side (public or private) get a link."""
        return access == PUBLIC or self.are_private_linked

    def add(self, access: str, entry: Entry, audio: Path) -> None:
        """Link a clip that is in place. Call it last, and under the lock of the file tier."""
        link = self._path(access, entry)
        try:
            os.chmod(audio, LINKED_FILE_MODE)
            for folder in (self.folder / access, link.parent.parent, link.parent):
                self._make(folder)
            with suppress(FileNotFoundError):
                os.unlink(link)
            os.link(audio, link)
        except OSError as error:
            with suppress(OSError):
                self.remove(entry.content_hash, access=access)
            if not self._has_warned:
                logger.warning("nginx gets no link to clips in %s: %s.", self.folder, error.strerror)
            self._has_warned = True

    def remove(self, content_hash: str, *, access: str = "") -> None:
        """Remove the clip's links of all versions, on one side or on both.

        Raises OSError: nginx would go on sending the clip.
        """
        for side in [access] if access else [PUBLIC, PRIVATE]:
            folder = f"{self.folder}/{side}/{content_hash[:2]}/{content_hash}"
            with suppress(FileNotFoundError):
                for name in os.listdir(folder):
                    with suppress(FileNotFoundError):  # another process removes the clip, too
                        os.unlink(f"{folder}/{name}")
                os.rmdir(folder)

    def remove_others(self, published: frozenset[str]) -> None:
        """Remove the links of clips that are not published, and those that these settings do not make.

        Raises OSError.
        """
        for access in (PUBLIC, PRIVATE):
            for content_hash in self._linked(access):
                if not self.covers(access) or (access == PUBLIC and content_hash not in published):
                    self.remove(content_hash, access=access)

    def has(self, access: str, content_hash: str) -> bool:
        return os.path.isdir(f"{self.folder}/{access}/{content_hash[:2]}/{content_hash}")

    def path_of(self, entry: Entry) -> str:
        """The link of these bytes, below the folder; empty if nginx cannot send them."""
        link = self._path(PUBLIC if entry.is_published else PRIVATE, entry)
        return str(link.relative_to(self.folder)) if os.path.exists(link) else ""

    def _linked(self, access: str) -> Iterator[str]:
        """Yield the content hash of each clip with a link on this side."""
        with suppress(OSError):
            for start in sorted(os.listdir(self.folder / access)):
                with suppress(OSError):
                    yield from os.listdir(self.folder / access / start)

    def _path(self, access: str, entry: Entry) -> Path:
        name = f"{version_of(entry.checksum)}.{entry.audio_format}"
        return self.folder / access / entry.content_hash[:2] / entry.content_hash / name

    def _make(self, folder: Path) -> None:
        with suppress(FileExistsError):
            folder.mkdir()
            folder.chmod(_FOLDER_MODE)  # whatever the umask is


def remove_links(folder: Path) -> None:
    """Remove all links from a folder that this host no longer uses. Touches nothing else in it."""
    for access in (PUBLIC, PRIVATE):
        for each in (folder / access).glob("??/*"):
            if len(each.name) == _HASH_LENGTH:
                shutil.rmtree(each, ignore_errors=True)
