"""The archive file: clips with their records in one tar, written and read as a stream. Uses no database.

    lifereview-clips.json    {"clips": 2, "format": 1, "source": "<the database's identity>"}
    0a1b….json               the record of a clip, one line with a checksum of its own
    0a1b….mp3                its sound
    …                        the other clips, in the order of their content hashes
    end.json                 {"clips": 2}

Each clip is a pair of members. A tar member begins with its size, so one list of all clips would have to be
complete before the first sound could be written. A pair needs only one clip in memory. An export that was cut
off continues after the last whole pair, and damage costs only the pairs it touches.

The reader never unpacks files: it only compares member names with the names above.
"""

from __future__ import annotations

import base64
import json
import math
import re
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, BinaryIO

from ttscache.audio import FORMATS
from ttscache.audio.plausibility import longest_seconds
from ttscache.errors import RequestRefused
from ttscache.speech import SpeechRequest
from ttscache.tiers import checksum_of

FORMAT = 1  # of the archive; a reader refuses newer formats
HEAD, END = "lifereview-clips.json", "end.json"
MOST_DESCRIPTION_BYTES = 1024**2  # fifty times the longest text by default
MOST_AUDIO_BYTES = 256 * 1024**2
# 48 kHz, stereo, 16 bit: no provider sends more bytes for a second of speech.
MOST_BYTES_A_SECOND = 192_000

_MEMBER = re.compile(rf"([0-9a-f]{{32}})\.(json|{'|'.join(FORMATS)})")
_MAGIC, _MAGIC_AT = b"ustar", 257  # https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html
_READ_BYTES = 64 * 1024
_CHECKSUM = "description_checksum"
_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"

# Content types that decide whether a clip may be exported; ttscache.models would need Django.
_OWN_WORDS, _REFLECTION = "response", "analysis"


class UnusableClip(Exception):
    """A clip cannot be imported or exported. The reason never quotes its text."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NoArchive(Exception):
    """The file cannot be used as an archive. The message is a sentence for operators."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipDescription:
    """A clip's record. `size` (bytes) and `checksum` (SHA-256 in hex) are those of its sound."""

    content_hash: str
    text: str
    voice: str
    model: str
    audio_format: str
    speed: float
    instructions: str
    content_type: str
    is_shareable: bool
    made_ahead: bool
    created_at: datetime
    last_accessed_at: datetime
    adopted_at: datetime | None
    duration_ms: int
    loudness_dbfs: float | None
    waveform: bytes
    size: int
    checksum: str
    is_accepted: bool = False  # staff took it although a check refused it

    @property
    def request(self) -> SpeechRequest:
        """The request that the clip answers. Raises RequestRefused."""
        return SpeechRequest(
            text=self.text,
            voice=self.voice,
            model=self.model,
            audio_format=self.audio_format,
            speed=self.speed,
            instructions=self.instructions,
        )

    def to_line(self) -> bytes:
        given = {column.name: _as_json(getattr(self, column.name)) for column in fields(self)}
        return _canonical({**given, _CHECKSUM: checksum_of(_canonical(given))}) + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> ClipDescription:
        """Read a line of `to_line`. Raises UnusableClip if it is damaged or may not be imported."""
        given = _json_object(line)
        try:
            is_whole = given.pop(_CHECKSUM, None) == checksum_of(_canonical(given))
        except ValueError:  # JSON allows lone surrogates, UTF-8 does not
            is_whole = False
        if not is_whole:
            raise UnusableClip("its description is damaged")
        try:
            # Archives from before this field lack it.
            is_accepted = _yes_or_no(given.get("is_accepted", False))
            known = {name: read(given[name]) for name, read in _READERS.items()}
            description = cls(**known, is_accepted=is_accepted)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise UnusableClip("its description has other fields than expected") from error
        description.check()
        return description

    def check(self) -> None:
        """Raises UnusableClip unless the clip may be exported and its key matches its words."""
        if self.content_type == _OWN_WORDS:
            raise UnusableClip("it says a person's own words")
        if self.content_type == _REFLECTION and self.adopted_at is not None and not self.is_shareable:
            raise UnusableClip("it is a reflection of the earlier system that is not marked shareable")
        try:
            is_its_key = self.request.content_hash == self.content_hash
        except RequestRefused:
            is_its_key = False
        if not is_its_key:
            raise UnusableClip("its key does not match its text and voice")
        most_bytes = longest_seconds(self.text, self.speed) * MOST_BYTES_A_SECOND
        if self.size > min(most_bytes, MOST_AUDIO_BYTES):
            raise UnusableClip("its sound is far too large for its text")


@dataclass(frozen=True, slots=True)
class ArchivedClip:
    description: ClipDescription
    audio: bytes = field(repr=False)

    @property
    def content_hash(self) -> str:
        return self.description.content_hash


@dataclass(frozen=True, slots=True)
class RefusedClip:
    """A clip of an archive that is not imported. The hash is empty if the archive does not tell it."""

    content_hash: str
    reason: str


@dataclass(frozen=True, slots=True)
class ArchiveHead:
    """`clips` is how many clips the export expected; `source` is the identity of its database."""

    clips: int
    source: str


# --- writing ----------------------------------------------------------------------------------------------
class ArchiveWriter:
    """Writes an archive member by member. Equal clips give equal bytes. Raises OSError."""

    def __init__(self, file: BinaryIO, *, position: int = 0) -> None:
        self._file = file
        self._position = position

    def begin(self, head: ArchiveHead) -> None:
        self._add(HEAD, _canonical({"format": FORMAT, "clips": head.clips, "source": head.source}) + b"\n", 0)

    def add(self, clip: ArchivedClip) -> None:
        """Write a clip. If the reader would refuse it, this raises UnusableClip and writes nothing."""
        clip.description.check()
        line = clip.description.to_line()
        if len(line) > MOST_DESCRIPTION_BYTES:
            raise UnusableClip("the text is too long")
        ClipDescription.from_line(line)
        written_at = max(0, int(clip.description.created_at.timestamp()))
        self._add(f"{clip.content_hash}.json", line, written_at)
        self._add(f"{clip.content_hash}.{clip.description.audio_format}", clip.audio, written_at)

    def end(self, clips: int) -> None:
        """Write the end of the archive. `clips` is how many were added over all runs of the export."""
        self._add(END, _canonical({"clips": clips}) + b"\n", 0)
        self._write(bytes(2 * tarfile.BLOCKSIZE))
        self._write(bytes(-self._position % tarfile.RECORDSIZE))
        self._file.flush()

    def _add(self, name: str, content: bytes, written_at: int) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mtime = len(content), written_at
        self._write(member.tobuf(tarfile.USTAR_FORMAT))
        self._write(content)
        self._write(bytes(-len(content) % tarfile.BLOCKSIZE))

    def _write(self, content: bytes) -> None:
        self._file.write(content)
        self._position += len(content)


# --- reading ----------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    size: int


class ArchiveReader:
    """Reads an archive from beginning to end, forwards only, and survives damage.

    If a member is not exactly as expected, the search for the next header starts right after the first bytes
    of the bad one. So a member that is cut off, or has lost a part, does not hide the next.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._window = _Window(stream)
        self.head: ArchiveHead | None = None
        self.end_clips: int | None = None  # how many clips were written, as the end says
        self.whole_until = 0  # bytes up to the end of the last whole clip, or of the head
        self._last_hash = ""
        self._last_refused = ""

    @property
    def is_complete(self) -> bool:
        return self.end_clips is not None

    def clips(self) -> Iterator[ArchivedClip | RefusedClip]:
        """Read clip after clip. Raises NoArchive for a newer format, OSError if the file cannot be read."""
        described: ClipDescription | None = None
        while not self.is_complete and (member := self._next_member()) is not None:
            named = _MEMBER.fullmatch(member.name)
            if named is None:
                yield from self._take_other(member)
                continue
            content_hash, extension = named.groups()
            if described is not None and (extension == "json" or content_hash != described.content_hash):
                yield self._refused(described.content_hash, "its sound is missing or damaged")
                described = None
            try:
                if extension == "json":
                    described = self._take_description(member, content_hash)
                    continue
                if described is None:
                    raise UnusableClip("its description is missing or damaged")
                clip = self._take_sound(member, extension, described)
            except UnusableClip as problem:
                self._window.drop(tarfile.BLOCKSIZE)
                # Report a clip once: if its description was refused, say nothing about its sound.
                if content_hash != self._last_refused:
                    yield self._refused(content_hash, problem.reason)
            else:
                yield clip
            described = None
        if described is not None:
            yield self._refused(described.content_hash, "the archive ends before its sound does")

    def _refused(self, content_hash: str, reason: str) -> RefusedClip:
        self._last_refused = content_hash
        return RefusedClip(content_hash, reason)

    def _next_member(self) -> _Member | None:
        """Drop bytes until a member's header is at the beginning of the window; return that header."""
        while self._window.fill(tarfile.BLOCKSIZE):
            member = _member_in(self._window.peek(0, tarfile.BLOCKSIZE))
            if member is not None:
                return member
            self._window.drop_until_next(_MAGIC, _MAGIC_AT)
        return None

    def _take_other(self, member: _Member) -> Iterator[RefusedClip]:
        try:
            if member.name == HEAD:
                given = _json_object(self._content(member, MOST_DESCRIPTION_BYTES))
                if _whole_number(given["format"]) > FORMAT:
                    raise NoArchive("The archive was written by a newer version of this product.")
                self.head = ArchiveHead(_whole_number(given["clips"]), _string(given["source"]))
                self._drop(member)
                self.whole_until = self._window.position
            elif member.name == END:
                given = _json_object(self._content(member, MOST_DESCRIPTION_BYTES))
                self.end_clips = _whole_number(given["clips"])
            else:
                self._window.drop(tarfile.BLOCKSIZE)
                yield RefusedClip("", "a member that belongs to no clip was left out")
        except (UnusableClip, KeyError, TypeError, ValueError):
            self._window.drop(tarfile.BLOCKSIZE)
            yield RefusedClip("", "the head or the end of the archive is damaged")

    def _take_description(self, member: _Member, content_hash: str) -> ClipDescription:
        description = ClipDescription.from_line(self._content(member, MOST_DESCRIPTION_BYTES))
        if description.content_hash != content_hash:
            raise UnusableClip("its name and its description differ")
        self._drop(member)
        return description

    def _take_sound(self, member: _Member, extension: str, described: ClipDescription) -> ArchivedClip:
        if extension != described.audio_format or member.size != described.size:
            raise UnusableClip("its sound does not match its description")
        audio = self._content(member, described.size)
        if checksum_of(audio) != described.checksum:
            raise UnusableClip("its sound is damaged")
        if described.content_hash <= self._last_hash:
            raise UnusableClip("it comes twice, or out of order")
        self._drop(member)
        self._last_hash, self.whole_until = described.content_hash, self._window.position
        return ArchivedClip(described, audio)

    def _content(self, member: _Member, most_bytes: int) -> bytes:
        """The member's content; it stays in the window. Raises UnusableClip if it is too large or cut off."""
        if member.size > most_bytes:
            raise UnusableClip("it is far too large")
        if not self._window.fill(tarfile.BLOCKSIZE + member.size):
            raise UnusableClip("the archive ends before it does")
        return self._window.peek(tarfile.BLOCKSIZE, tarfile.BLOCKSIZE + member.size)

    def _drop(self, member: _Member) -> None:
        padded = tarfile.BLOCKSIZE + member.size + -member.size % tarfile.BLOCKSIZE
        self._window.fill(padded)
        self._window.drop(padded)


class _Window:
    """The part of a stream that is in memory, so that bytes can be looked at more than once."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._held = bytearray()
        self.position = 0  # of its first byte in the stream

    def fill(self, size: int) -> bool:
        """Read until the window has `size` bytes; False if the stream ends before. Raises OSError."""
        while len(self._held) < size:
            # In pieces, because a damaged header may claim a huge size.
            piece = self._stream.read(_READ_BYTES)
            if not piece:
                return False
            self._held += piece
        return True

    def peek(self, start: int, end: int) -> bytes:
        with memoryview(self._held) as held:
            return bytes(held[start:end])

    def drop(self, size: int) -> None:
        size = min(size, len(self._held))
        del self._held[:size]
        self.position += size

    def drop_until_next(self, mark: bytes, offset: int) -> None:
        """Drop at least one byte, up to the next place that has this mark at this offset."""
        found = self._held.find(mark, offset + 1)
        # Keep the last bytes: the mark may begin in them.
        self.drop(found - offset if found >= 0 else max(1, len(self._held) - offset - len(mark) + 1))


def _member_in(block: bytes) -> _Member | None:
    """The member whose header this is; None if the header's checksum is wrong. Only files have a name."""
    try:
        header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return None
    return _Member(header.name if header.isreg() else "", header.size) if header.size >= 0 else None


# --- JSON -------------------------------------------------------------------------------------------------
def _canonical(given: dict[str, Any]) -> bytes:
    """One line of JSON, equal for equal contents. Raises ValueError for text that UTF-8 cannot hold."""
    return json.dumps(given, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _json_object(line: bytes) -> dict[str, Any]:
    try:
        given = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UnusableClip("its description is damaged") from error
    if not isinstance(given, dict):
        raise UnusableClip("its description is damaged")
    return given


def _as_json(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime(_TIME)
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _string(value: object, *, most: int | None = None) -> str:
    if not isinstance(value, str) or "\x00" in value or (most is not None and not 0 < len(value) <= most):
        raise ValueError
    return value


def _name(value: object) -> str:
    return _string(value, most=50)


def _model(value: object) -> str:
    return _string(value, most=100)


def _format(value: object) -> str:
    if value not in FORMATS:
        raise ValueError
    return str(value)


def _hex(value: object) -> str:
    if not re.fullmatch(r"[0-9a-f]{32}|[0-9a-f]{64}", text := _string(value)):
        raise ValueError
    return text


def _yes_or_no(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _whole_number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**31:
        raise ValueError
    return value


def _number(value: object) -> float:
    if not isinstance(value, float | int) or isinstance(value, bool) or not math.isfinite(value):
        raise ValueError
    return float(value)


def _speed(value: object) -> float:
    if not 0 < (speed := _number(value)) <= 100:
        raise ValueError
    return speed


def _number_or_none(value: object) -> float | None:
    return None if value is None else _number(value)


def _time(value: object) -> datetime:
    time = datetime.strptime(_string(value), _TIME).replace(tzinfo=UTC)
    if not 1 < time.year < 9999:  # a time zone must not lead out of what a database can hold
        raise ValueError
    return time


def _time_or_none(value: object) -> datetime | None:
    return None if value is None else _time(value)


def _bytes(value: object) -> bytes:
    return base64.b64decode(_string(value), validate=True)


_READERS: dict[str, Callable[[object], Any]] = {
    "content_hash": _hex,
    "text": _string,
    "voice": _name,
    "model": _model,
    "audio_format": _format,
    "speed": _speed,
    "instructions": _string,
    "content_type": _name,
    "is_shareable": _yes_or_no,
    "made_ahead": _yes_or_no,
    "created_at": _time,
    "last_accessed_at": _time,
    "adopted_at": _time_or_none,
    "duration_ms": _whole_number,
    "loudness_dbfs": _number_or_none,
    "waveform": _bytes,
    "size": _whole_number,
    "checksum": _hex,
}
