"""The backup file: a plain tar whose members have checksums. Uses no database.

    lifereview-backup.json   when and of what it was made, and which migrations its database has
    database.sqlite3         all rows; of a PostgreSQL database as well
    clips.tar                the clips of a bucket, as export_clips writes them; only with a bucket
    secret_key               only where the site made its own
    end.json                 the SHA-256 of each member, so that a file that was cut off or damaged is noticed

The reader never unpacks other names.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

FORMAT = 1  # a reader refuses newer ones
HEAD, END = "lifereview-backup.json", "end.json"
DATABASE, CLIPS, KEY = "database.sqlite3", "clips.tar", "secret_key"
MOST_JSON_BYTES = 1024**2
_PIECE_BYTES = 1024**2


class UnusableBackup(Exception):
    """The file cannot be used. The message is a sentence for operators."""


@dataclass(frozen=True, slots=True)
class BackupHead:
    """`migrations` lists `app.name` of all that are applied, `database` is its kind (Django's vendor)."""

    made_at: str
    version: str
    commit: str
    database: str
    migrations: list[str] = field(default_factory=list)
    clips: int = 0


def is_backup(path: Path) -> bool:
    """Whether the file begins like a backup, even if it is damaged further on."""
    try:
        with tarfile.open(path, "r:") as tar:
            first = tar.next()
            return first is not None and first.name == HEAD
    except (tarfile.TarError, OSError):
        return False


@contextmanager
def private_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a new, empty file that only its owner may read; an unfinished one of that name is written anew."""
    path.unlink(missing_ok=True)  # its mode may be another
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w+b") as file:
        yield file


class BackupWriter:
    """Writes one member after the other. Raises OSError."""

    def __init__(self, file: IO[bytes], head: BackupHead) -> None:
        self._tar = tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115
        self._checksums: dict[str, str] = {}
        self.add_bytes(HEAD, _json_bytes({"format": FORMAT, **asdict(head)}))

    def add_bytes(self, name: str, content: bytes) -> None:
        self._add(name, io.BytesIO(content), len(content))

    def add_file(self, name: str, path: Path) -> None:
        with path.open("rb") as source:
            self._add(name, source, path.stat().st_size)

    def end(self) -> None:
        self.add_bytes(END, _json_bytes({"sha256": self._checksums}))
        self._tar.close()

    def _add(self, name: str, source: IO[bytes], size: int) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode = size, 0o600
        hashed = _HashedReader(source)
        self._tar.addfile(member, hashed)
        self._checksums[name] = hashed.hexdigest()


class BackupReader:
    """Reads a backup. The constructor reads all of it and raises UnusableBackup unless all is right."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            checksums, small = self._read_all()
        except (tarfile.TarError, EOFError) as error:
            raise UnusableBackup("It is damaged, or no backup.") from error
        if HEAD not in small:
            raise UnusableBackup("It is no backup of this product.")
        if END not in small:
            raise UnusableBackup("It is cut off.")
        self.head = _head_of(_json_object(small[HEAD]))
        expected = _json_object(small[END]).get("sha256")
        del checksums[END]
        if checksums != expected or DATABASE not in checksums:
            raise UnusableBackup("It is damaged.")
        self.names = frozenset(checksums)

    def read_key(self) -> str:
        """The secret key, or "" if the backup has none."""
        if KEY not in self.names:
            return ""
        with self._opened(KEY) as source:
            return source.read(MOST_JSON_BYTES).decode().strip()

    def extract(self, name: str, path: Path) -> None:
        """Write a member to a file that only its owner may read. Raises OSError."""
        with self._opened(name) as source, private_file(path) as target:
            shutil.copyfileobj(source, target, _PIECE_BYTES)
            target.flush()
            os.fsync(target.fileno())

    @contextmanager
    def _opened(self, name: str) -> Iterator[IO[bytes]]:
        with tarfile.open(self._path, "r:") as tar:
            source = tar.extractfile(name)
            if source is None:
                raise UnusableBackup("It is damaged.")
            yield source

    def _read_all(self) -> tuple[dict[str, str], dict[str, bytes]]:
        """The checksum of each member, and the content of the small ones."""
        checksums: dict[str, str] = {}
        small: dict[str, bytes] = {}
        with tarfile.open(self._path, "r:") as tar:
            for member in tar:
                source = tar.extractfile(member) if member.isreg() else None
                if source is None or member.name in checksums:
                    raise UnusableBackup("It is damaged, or no backup.")
                if member.name in (HEAD, END):
                    small[member.name] = source.read(MOST_JSON_BYTES)
                    source.seek(0)
                hashed = hashlib.sha256()
                read = 0
                while piece := source.read(_PIECE_BYTES):
                    hashed.update(piece)
                    read += len(piece)
                if read != member.size:
                    raise UnusableBackup("It is cut off.")
                checksums[member.name] = hashed.hexdigest()
        return checksums, small


class _HashedReader:
    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        piece = self._source.read(size)
        self._hash.update(piece)
        return piece

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def _json_bytes(content: dict[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, indent=1).encode() + b"\n"


def _json_object(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError as error:
        raise UnusableBackup("It is damaged.") from error
    if not isinstance(found, dict):
        raise UnusableBackup("It is damaged.")
    return found


def _head_of(given: dict[str, Any]) -> BackupHead:
    number = given.pop("format", None)
    if isinstance(number, int) and number > FORMAT:
        raise UnusableBackup("It was written by a newer version of this product.")
    try:
        return BackupHead(**given)
    except TypeError as error:
        raise UnusableBackup("It is damaged.") from error
