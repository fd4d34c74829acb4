"""One file per clip on local disk.

    public/ab/ab12….mp3    plain bytes
    public/ab/ab12….json   their description: checksum, duration, kind
    private/…              clips that are not published

    links                  the folder in which nginx finds links to these files, if it does (links.py)
    kept                   clips that stay when room is needed, one content hash a line
    lock                   held by the process that writes, so that no two change a clip at once

A clip exists once its description does: the bytes are moved in first, the description last. Its link comes
after both, and goes before either.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path

from ttscache.audio import FORMATS
from ttscache.errors import TierError
from ttscache.tiers import PRIVATE, PUBLIC, Entry, checksum_of
from ttscache.tiers.links import ClipLinks, remove_links

logger = logging.getLogger(__name__)

KEPT, LOCK, LINKS = "kept", "lock", "links"
_DESCRIBED = re.compile(r"([0-9a-f]{32})\.json")
_TOUCH_SECONDS = 600  # precision of "least recently used": a touch on each read would cost too much
_YOUNG_SECONDS = 60
_ABANDONED_SECONDS = 3600  # a draft this old belongs to a process that was killed


class FileTier:
    """Local files, shared by the processes of one host, limited in bytes. They survive a restart."""

    name = "file"

    def __init__(self, folder: Path, max_bytes: int, links: ClipLinks | None = None) -> None:
        self._folder = folder
        self._links = links
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._bytes: int | None = None  # unknown until the first look; other processes write here too
        self._unseen_bytes = 0  # put here since the last look at the folder

    def get(self, content_hash: str) -> Entry | None:
        for access in (PUBLIC, PRIVATE):
            found = self._read(access, content_hash)
            if found is not None:
                return found
        return None

    def get_published(self, content_hash: str) -> Entry | None:
        return self._read(PUBLIC, content_hash)

    def put(self, entry: Entry) -> None:
        if entry.size > self._max_bytes:
            self.delete(entry.content_hash)  # an older version must not answer instead
            return
        try:
            with self._alone():
                self._put(entry)
            self._make_room(entry.size)
        except OSError as error:
            raise TierError(f"The file tier cannot keep a clip: {error.strerror}.") from error

    def _put(self, entry: Entry) -> None:
        kept, other = (PUBLIC, PRIVATE) if entry.is_published else (PRIVATE, PUBLIC)
        if self._links is not None:
            self._links.remove(entry.content_hash)
        # In this order a reader finds the old clip or the new one, never none.
        self._write(self._path(kept, entry.content_hash, entry.audio_format), entry.audio)
        self._write(self._path(kept, entry.content_hash, "json"), _describe(entry))
        self._remove(other, entry.content_hash)
        self._link(kept, entry)

    def delete(self, content_hash: str) -> None:
        if not self._folder.exists():
            return
        try:
            with self._alone():
                for access in (PUBLIC, PRIVATE):
                    self._remove(access, content_hash)
        except OSError as error:
            raise TierError(f"The file tier cannot remove a clip: {error.strerror}.") from error

    def entries(self) -> Iterator[tuple[str, int]]:
        for _, size, description in self._held():
            yield description.stem, size

    def strays(self) -> Iterator[Path]:
        """Yield files that belong to no clip: a killed process left them, or somebody put them here.

        Audio younger than a minute is left out, because a process may be writing the clip.
        """
        for access in (PUBLIC, PRIVATE):
            for folder in sorted((self._folder / access).glob("??")):
                files = [Path(item.path) for item in os.scandir(folder)]
                names = {path.name for path in files}
                yield from (path for path in files if _is_stray(path, names))

    def set_published(self, content_hashes: frozenset[str]) -> None:
        try:
            self._forget_earlier_links()
            if self._links is not None:
                self._links.remove_others(content_hashes)  # first of all: nginx does not ask
        except OSError as error:
            raise TierError(f"The file tier cannot remove links: {error.strerror}.") from error
        for _, _, description in list(self._held()):
            access = description.parent.parent.name
            is_published = description.stem in content_hashes
            is_in_place = (access == PUBLIC) == is_published
            if is_in_place and not self._lacks_link(access, description.stem):
                continue
            try:
                with self._alone():  # locked from read to write, so that no newer clip is overwritten
                    entry = self._read(access, description.stem)
                    if entry is not None and is_in_place:
                        self._link(access, entry)
                    elif entry is not None:
                        self._put(replace(entry, is_published=is_published))
            except OSError as error:
                raise TierError(f"The file tier cannot move a clip: {error.strerror}.") from error

    def touch(self, content_hashes: Iterable[str]) -> None:
        """Note that these clips are in use although nobody read them here: nginx sent them."""
        for content_hash in content_hashes:
            for access, extension in product((PUBLIC, PRIVATE), FORMATS):
                with suppress(OSError):
                    os.utime(self._path(access, content_hash, extension))

    def _link(self, access: str, entry: Entry) -> None:
        if self._links is not None and self._links.covers(access):
            audio = self._path(access, entry.content_hash, entry.audio_format)
            self._links.add(access, entry, audio)

    def _lacks_link(self, access: str, content_hash: str) -> bool:
        links = self._links
        return links is not None and links.covers(access) and not links.has(access, content_hash)

    def _forget_earlier_links(self) -> None:
        """Remove the links of earlier settings, from which nginx may still answer."""
        note, present = self._folder / LINKS, str(self._links.folder) if self._links is not None else ""
        noted = note.read_text() if note.exists() else ""
        if noted == present:
            return
        if noted:
            remove_links(Path(noted))
        if present:
            self._write(note, present.encode())
        else:
            note.unlink(missing_ok=True)  # another process saw the same

    @property
    def room_for_kept_bytes(self) -> int:
        """The size to which the folder shrinks when room is needed."""
        return self._max_bytes * 9 // 10

    def set_kept(self, content_hashes: frozenset[str]) -> None:
        """Name the clips that are removed last when any process of this host needs room."""
        try:
            if content_hashes != self._kept():
                self._write(self._folder / KEPT, "\n".join(sorted(content_hashes)).encode())
        except OSError as error:
            raise TierError(f"The file tier cannot note what is kept: {error.strerror}.") from error

    def has(self, content_hash: str) -> bool:
        """Whether the clip is here, good or damaged. Does not count as a use."""
        # os.path.exists, unlike Path.exists, returns False if the folder cannot be read.
        return any(os.path.exists(self._path(access, content_hash, "json")) for access in (PUBLIC, PRIVATE))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Lock out other writers, in all threads and processes of this host."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / LOCK).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # closing the file releases it
            yield

    def _kept(self) -> frozenset[str]:
        try:
            return frozenset((self._folder / KEPT).read_text().split())
        except FileNotFoundError:
            return frozenset()

    def _path(self, access: str, content_hash: str, extension: str) -> Path:
        # One Path from one string: each `/` would cost a hit a microsecond.
        return Path(f"{self._folder}/{access}/{content_hash[:2]}/{content_hash}.{extension}")

    def _read(self, access: str, content_hash: str) -> Entry | None:
        path = self._path(access, content_hash, "json")
        try:
            entry = _entry_of(path.read_bytes(), path)
            if entry is None:
                return None
            audio_path = self._path(access, content_hash, entry.audio_format)
            audio = audio_path.read_bytes()
            if time.time() - audio_path.stat().st_mtime > _TOUCH_SECONDS:
                os.utime(audio_path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise TierError(f"The file tier cannot be read: {error.strerror}.") from error
        if checksum_of(audio) != entry.checksum:
            # Damaged, or just being replaced: the next tier answers and refills this one.
            logger.warning("The file of clip %s does not match its checksum.", content_hash)
            return None
        return replace(entry, audio=audio, is_published=access == PUBLIC)

    def _write(self, path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".draft", delete=False) as draft:
            try:
                draft.write(content)
                draft.flush()
                os.fchmod(draft.fileno(), 0o600)
                # Written beside its final place, then moved: a reader sees the whole clip or none.
                os.replace(draft.name, path)
            except BaseException:
                with suppress(OSError):
                    os.unlink(draft.name)
                raise

    def _remove(self, access: str, content_hash: str) -> None:
        if self._links is not None:
            self._links.remove(content_hash, access=access)
        # The description goes first: without it the clip counts as missing.
        for extension in ("json", *FORMATS):
            with suppress(FileNotFoundError):
                self._path(access, content_hash, extension).unlink()

    def _held(self) -> Iterator[tuple[float, int, Path]]:
        """Yield last use, size and description of each clip; deletes drafts of killed processes."""
        for access in (PUBLIC, PRIVATE):
            for folder in sorted((self._folder / access).glob("??")):
                clips: dict[str, list[os.DirEntry[str]]] = defaultdict(list)
                for item in os.scandir(folder):
                    clips[item.name.partition(".")[0]].append(item)
                for items in clips.values():
                    with suppress(FileNotFoundError):  # another process may delete files at the same time
                        yield from _held_of(items)

    def _make_room(self, added_bytes: int) -> None:
        """Remove the least recently used clips when the folder is full.

        Listing the folder is slow, so it is done only after much was added.
        """
        with self._lock:
            self._unseen_bytes += added_bytes
            is_due = self._bytes is None or self._unseen_bytes > self._max_bytes // 16
            if not is_due and (self._bytes or 0) + self._unseen_bytes <= self._max_bytes:
                return
            held = sorted(self._held())
            total = sum(size for _, size, _ in held)
            if total > self._max_bytes:
                kept = self._kept()
                held.sort(key=lambda clip: clip[2].stem in kept)  # stable: still by use within each group
                for _, size, description in held:
                    if total <= self.room_for_kept_bytes:
                        break
                    with self._alone():  # a put of the clip must not link what is removed here
                        self._remove(description.parent.parent.name, description.stem)
                    total -= size
            self._bytes, self._unseen_bytes = total, 0


def _held_of(items: list[os.DirEntry[str]]) -> Iterator[tuple[float, int, Path]]:
    """`FileTier._held` for the files of one clip."""
    for item in items:
        if item.name.endswith(".draft") and time.time() - item.stat().st_mtime > _ABANDONED_SECONDS:
            os.unlink(item.path)
    description = next((item for item in items if _DESCRIBED.fullmatch(item.name)), None)
    for item in items:
        if description is not None and item is not description:
            known = item.stat()
            yield known.st_mtime, known.st_size, Path(description.path)


def _is_stray(path: Path, names: set[str]) -> bool:
    if path.suffix == ".json":  # written last and removed first, so a clip's description is never alone
        return not any(name.startswith(f"{path.stem}.") and name != path.name for name in names)
    if f"{path.stem}.json" in names and path.suffix != ".draft":
        return False
    with suppress(FileNotFoundError):
        return time.time() - path.stat().st_mtime > _YOUNG_SECONDS
    return False


def _describe(entry: Entry) -> bytes:
    description = asdict(entry) | {"audio": None, "waveform": entry.waveform.hex()}
    return json.dumps(description).encode()


def _entry_of(description: bytes, path: Path) -> Entry | None:
    try:
        fields = json.loads(description)
        return Entry(**(fields | {"audio": b"", "waveform": bytes.fromhex(fields["waveform"])}))
    except (ValueError, TypeError, KeyError):
        logger.warning("The description of clip %s cannot be read.", path.stem)
        return None
