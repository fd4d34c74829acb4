"""One file per clip on local disk.

    public/ab/ab12….mp3    plain bytes, so that a web server in front may send them
    public/ab/ab12….json   what has to be known about them: checksum, duration, kind
    private/…              the same for clips that are not published

    kept                   the clips that others have to make room for, one content hash a line
    lock                   held by the process that writes, so that no two change a clip at once

A clip is there once its description is: the bytes are moved in first, the description last.
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
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path

from ttscache.audio import FORMATS
from ttscache.errors import TierError
from ttscache.tiers import PRIVATE, PUBLIC, Entry, checksum_of

logger = logging.getLogger(__name__)

KEPT, LOCK = "kept", "lock"
_DESCRIBED = re.compile(r"([0-9a-f]{32})\.json")
_TOUCH_SECONDS = 600  # how exactly "least recently used" is known
_YOUNG_SECONDS = 60
_ABANDONED_SECONDS = 3600  # a draft this old belongs to a process that was killed


class FileTier:
    """Bounded by bytes, shared by the processes of one host, and there again after a restart."""

    name = "file"

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
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

    def put(self, entry: Entry) -> None:
        if entry.size > self._max_bytes:
            self.delete(entry.content_hash)  # an older form would be wrong
            return
        try:
            with self._alone():
                self._put(entry)
            self._make_room(entry.size)
        except OSError as error:
            raise TierError(f"The file tier cannot keep a clip: {error.strerror}.") from error

    def _put(self, entry: Entry) -> None:
        kept, other = (PUBLIC, PRIVATE) if entry.is_published else (PRIVATE, PUBLIC)
        self._write(self._path(kept, entry.content_hash, entry.audio_format), entry.audio)
        self._write(self._path(kept, entry.content_hash, "json"), _describe(entry))
        self._remove(other, entry.content_hash)

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
        """Files that belong to no clip: what a killed process left behind, or somebody put here.

        Sound that is younger than a minute may belong to a clip that is being written.
        """
        for access in (PUBLIC, PRIVATE):
            for folder in sorted((self._folder / access).glob("??")):
                files = [Path(item.path) for item in os.scandir(folder)]
                names = {path.name for path in files}
                yield from (path for path in files if _is_stray(path, names))

    def set_published(self, content_hashes: frozenset[str]) -> None:
        for _, _, description in list(self._held()):
            is_published = description.parent.parent.name == PUBLIC
            if is_published == (description.stem in content_hashes):
                continue
            try:
                with self._alone():  # from the look to the move: nothing newer is written over
                    entry = self._read(description.parent.parent.name, description.stem)
                    if entry is not None:
                        self._put(replace(entry, is_published=not is_published))
            except OSError as error:
                raise TierError(f"The file tier cannot move a clip: {error.strerror}.") from error

    @property
    def room_for_kept_bytes(self) -> int:
        """So much is left when room is made."""
        return self._max_bytes * 9 // 10

    def set_kept(self, content_hashes: frozenset[str]) -> None:
        """From now on, others make room for these, whichever process of this host needs it."""
        try:
            if content_hashes != self._kept():
                self._write(self._folder / KEPT, "\n".join(sorted(content_hashes)).encode())
        except OSError as error:
            raise TierError(f"The file tier cannot note what is kept: {error.strerror}.") from error

    def has(self, content_hash: str) -> bool:
        """Whether it is here, good or damaged; its use is not noted."""
        # os.path.exists, unlike Path.exists, is False where the folder cannot be read.
        return any(os.path.exists(self._path(access, content_hash, "json")) for access in (PUBLIC, PRIVATE))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One writer at a time, over the threads and processes of this host."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / LOCK).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # let go when the file is closed
            yield

    def _kept(self) -> frozenset[str]:
        try:
            return frozenset((self._folder / KEPT).read_text().split())
        except FileNotFoundError:
            return frozenset()

    def _path(self, access: str, content_hash: str, extension: str) -> Path:
        return self._folder / access / content_hash[:2] / f"{content_hash}.{extension}"

    def _read(self, access: str, content_hash: str) -> Entry | None:
        path = self._path(access, content_hash, "json")
        try:
            entry = _entry_of(path.read_bytes(), path)
            if entry is None:
                return None
            audio_path = path.with_suffix(f".{entry.audio_format}")
            audio = audio_path.read_bytes()
            if time.time() - audio_path.stat().st_mtime > _TOUCH_SECONDS:
                os.utime(audio_path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise TierError(f"The file tier cannot be read: {error.strerror}.") from error
        if checksum_of(audio) != entry.checksum:
            # Damaged, or being replaced this moment: the next tier knows better, and refills this one.
            logger.warning("The file of clip %s does not match its checksum.", content_hash)
            return None
        return replace(entry, audio=audio, is_published=access == PUBLIC)

    def _write(self, path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".draft", delete=False) as draft:
            try:
                draft.write(content)
                draft.flush()
                os.fchmod(draft.fileno(), 0o644)
                # Written beside its place, then moved in: a reader sees all of a clip or none.
                os.replace(draft.name, path)
            except BaseException:
                with suppress(OSError):
                    os.unlink(draft.name)
                raise

    def _remove(self, access: str, content_hash: str) -> None:
        # The description goes first: what has none is not there.
        for extension in ("json", *FORMATS):
            with suppress(FileNotFoundError):
                os.unlink(f"{self._folder}/{access}/{content_hash[:2]}/{content_hash}.{extension}")

    def _held(self) -> Iterator[tuple[float, int, Path]]:
        """Last use, size and description of each clip; drafts of the dead are swept on the way."""
        for access in (PUBLIC, PRIVATE):
            for folder in sorted((self._folder / access).glob("??")):
                clips: dict[str, list[os.DirEntry[str]]] = defaultdict(list)
                for item in os.scandir(folder):
                    clips[item.name.partition(".")[0]].append(item)
                for items in clips.values():
                    with suppress(FileNotFoundError):  # another process may be clearing up as well
                        yield from _held_of(items)

    def _make_room(self, added_bytes: int) -> None:
        """Let the least recently used clips go when the folder is full; look at it only now and then."""
        with self._lock:
            self._unseen_bytes += added_bytes
            is_due = self._bytes is None or self._unseen_bytes > self._max_bytes // 16
            if not is_due and (self._bytes or 0) + self._unseen_bytes <= self._max_bytes:
                return
            held = sorted(self._held())
            total = sum(size for _, size, _ in held)
            if total > self._max_bytes:
                kept = self._kept()
                held.sort(key=lambda clip: clip[2].stem in kept)  # the sort is stable: by use among equals
                for _, size, description in held:
                    if total <= self.room_for_kept_bytes:
                        break
                    self._remove(description.parent.parent.name, description.stem)
                    total -= size
            self._bytes, self._unseen_bytes = total, 0


def _held_of(items: list[os.DirEntry[str]]) -> Iterator[tuple[float, int, Path]]:
    """The same of the files of one name."""
    for item in items:
        if item.name.endswith(".draft") and time.time() - item.stat().st_mtime > _ABANDONED_SECONDS:
            os.unlink(item.path)
    description = next((item for item in items if _DESCRIBED.fullmatch(item.name)), None)
    for item in items:
        if description is not None and item is not description:
            known = item.stat()
            yield known.st_mtime, known.st_size, Path(description.path)


def _is_stray(path: Path, names: set[str]) -> bool:
    if path.suffix == ".json":  # written last and removed first, so it never stands alone
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
