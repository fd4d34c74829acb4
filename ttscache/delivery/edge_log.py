"""Counts clips that nginx or a CDN answered without this site, from its log: each line once.

The place reached in a log is written in the transaction of its counts, so a killed import repeats nothing
and leaves nothing out. A log may be rotated in between, renamed or copied and cut: the rest of the earlier
file is read first, as long as it lies beside the log and is not compressed.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from django.db import transaction
from django.utils import timezone

from ttscache.accounting.ledger import EdgeHit
from ttscache.cache import SpeechCache
from ttscache.coordination.hosts import host_name
from ttscache.delivery.log_lines import Hearing, LineReader, UnreadableLine
from ttscache.delivery.metering import requested_clip
from ttscache.models import Clip, EdgeLogPosition, in_batches
from ttscache.tiers.files import FileTier

logger = logging.getLogger(__name__)

HEAD_BYTES = 1_024  # enough that no two files of one log begin alike: their lines begin with the time
CHUNK_BYTES = 1024**2  # read, counted and written in one transaction
# A renamed log gets its last lines a little later: nginx opens the new one when it is told to.
QUIET_SECONDS = 10.0
OLDEST, NEWEST = timedelta(days=400), timedelta(days=1)  # a line of any other time is unreadable
_COMPRESSED = (".gz", ".bz2", ".xz", ".zst")


@dataclass(frozen=True, slots=True)
class CountedLines:
    """The result of an import. `other` lines are about something else, or do not count."""

    counted: int = 0
    other: int = 0
    unreadable: int = 0

    def __add__(self, more: CountedLines) -> CountedLines:
        return CountedLines(
            self.counted + more.counted, self.other + more.other, self.unreadable + more.unreadable
        )


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Whole lines of one file, from a known place to the next."""

    lines: Sequence[bytes]
    head: str
    head_bytes: int
    offset: int  # behind the last line
    written_ns: int
    starts_file: bool = field(default=False)


def count_log(
    path: Path, cache: SpeechCache, *, should_stop: Callable[[], bool] = lambda: False
) -> CountedLines:
    """Count the lines that no earlier call has counted, until the end or `should_stop`.

    Safe in several processes at once. A line that cannot be read is skipped. Raises django.db.Error; what
    was counted before stays counted. A log that cannot be opened is logged.
    """
    path = path.absolute()
    total = CountedLines()
    while not should_stop():
        try:
            if not path.exists():
                break  # nginx has answered nothing yet, or the log is being renamed
            position = _position(path)
            chunk = _next_chunk(path, position)
        except FileNotFoundError:
            break  # renamed at this very moment; the next call finds it
        except OSError as error:
            logger.warning("The log %s cannot be read: %s.", path, error.strerror)
            break
        if chunk is None:
            break
        found = _count(chunk, position, cache)
        if found is None:
            break  # another process reads this log now
        total += found
    if total.unreadable:
        logger.warning("%d lines of %s could not be read and were skipped.", total.unreadable, path)
    return total


def _count(chunk: _Chunk, position: EdgeLogPosition, cache: SpeechCache) -> CountedLines | None:
    reader = LineReader("" if chunk.starts_file else position.columns)
    heard: list[Hearing] = []
    unreadable = 0
    now = timezone.now()
    for line in chunk.lines:
        try:
            each = reader.read(line)
            if each is not None:
                heard.append(_of_a_credible_time(each, now))
        except UnreadableLine:
            unreadable += 1
    hits = list(_hits(heard))
    # Durable: within a caller's transaction, its rollback would count these lines again.
    with transaction.atomic(durable=True):
        # The place where this process began to read decides: another one may have counted these lines.
        unmoved = EdgeLogPosition.objects.filter(pk=position.pk, offset=position.offset, head=position.head)
        if not unmoved.update(
            head=chunk.head,
            head_bytes=chunk.head_bytes,
            offset=chunk.offset,
            written_ns=chunk.written_ns,
            columns=reader.columns,
            counted=position.counted + len(hits),
            unreadable=position.unreadable + unreadable,
            read_at=now,
        ):
            return None
        cache.ledger.write_edge_hits(hits)
    for tier in cache.tiers.local:
        if isinstance(tier, FileTier):  # the least recently used files are removed first
            tier.touch({hit.requested.content_hash for hit in hits})
    return CountedLines(len(hits), len(chunk.lines) - len(hits) - unreadable, unreadable)


def _of_a_credible_time(heard: Hearing, now: datetime) -> Hearing:
    if not now - OLDEST <= heard.at <= now + NEWEST:
        raise UnreadableLine
    return heard


def _hits(heard: Sequence[Hearing]) -> Iterator[EdgeHit]:
    """Yield the hits of clips on record: a clip that was removed meanwhile has no kind and no price."""
    clips: dict[str, Clip] = {}
    for some in in_batches(sorted({each.content_hash for each in heard})):
        clips |= Clip.objects.defer("waveform").in_bulk(some, field_name="content_hash")
    for each in heard:
        clip = clips.get(each.content_hash)
        if clip is None:
            continue
        size = clip.audio_file_size or 0
        if each.sent_bytes is None or each.sent_bytes >= size > 0:
            yield EdgeHit(each.at.timestamp(), requested_clip(clip), size, clip.made_ahead)


# --- finding the place ------------------------------------------------------------------------------------
def _position(path: Path) -> EdgeLogPosition:
    """The place in this log. Raises OSError.

    A container gets another name when it is replaced, and goes on with the same file.
    """
    positions = EdgeLogPosition.objects.filter(path=str(path))
    if found := positions.filter(host=host_name()).first():
        return found
    for each in positions.order_by("-read_at"):
        if _file_read_last(path, each) is not None:
            positions.filter(pk=each.pk).update(host=host_name())
            return each
    return EdgeLogPosition.objects.get_or_create(host=host_name(), path=str(path))[0]


def _next_chunk(path: Path, position: EdgeLogPosition) -> _Chunk | None:
    """The next whole lines: of the file that was read last, then of those after it. Raises OSError."""
    current = _file_read_last(path, position)
    if current is None:
        later = _files_after(path, position.written_ns)
    else:
        with current.open("rb") as log:
            chunk = _chunk(log, position.offset)
        if chunk is not None:
            return chunk
        if current == path:
            return None
        written = current.stat()
        if time.time() - written.st_mtime < QUIET_SECONDS:
            return None
        later = [each for each in _files_after(path, written.st_mtime_ns) if each != current]
    for each in later:
        with each.open("rb") as log:
            chunk = _chunk(log, 0)
        if chunk is not None:
            return replace(chunk, starts_file=True)
    return None


def _file_read_last(path: Path, position: EdgeLogPosition) -> Path | None:
    """The file in which the position lies, whatever its name is now; None if it is gone or cut."""
    for each in (path, *_rotated(path)):
        if position.head_bytes and each.exists() and each.stat().st_size >= position.offset:
            with each.open("rb") as log:
                if _checksum(log.read(position.head_bytes)) == position.head:
                    return each
    return None


def _files_after(path: Path, written_ns: int) -> list[Path]:
    """The files of this log that were written later, the oldest first, and the log itself.

    Before the first import the rotated ones are left out: nobody knows whether they are all there.
    """
    rotated = [each for each in _rotated(path) if written_ns and each.stat().st_mtime_ns > written_ns]
    return [*sorted(rotated, key=lambda each: each.stat().st_mtime_ns), path]


def _rotated(path: Path) -> list[Path]:
    """Earlier files of this log as logrotate names them: log.1, log-20261129."""
    names = path.parent.glob(f"{path.name}[.-]*")
    return sorted(each for each in names if each.is_file() and each.suffix not in _COMPRESSED)


def _chunk(log: BinaryIO, offset: int) -> _Chunk | None:
    """Whole lines from here on; None if there are none. The last line may still be under way."""
    log.seek(offset)
    content = log.read(CHUNK_BYTES)
    end = content.rfind(b"\n") + 1
    if not end:
        if len(content) < CHUNK_BYTES:
            return None
        end = len(content)  # no log has such a line: it is read over in pieces
    log.seek(0)
    head = log.read(min(HEAD_BYTES, offset + end))
    written_ns = Path(log.name).stat().st_mtime_ns
    lines = content[:end].splitlines()
    return _Chunk(lines, _checksum(head), len(head), offset + end, written_ns)


def _checksum(head: bytes) -> str:
    return hashlib.sha256(head).hexdigest()
