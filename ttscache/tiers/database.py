"""DatabaseTier: stores the bytes of clips in rows beside their records."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from ttscache.errors import TierError
from ttscache.models import Clip, ClipFile, PermanentStore
from ttscache.tiers import Entry, checksum_of
from ttscache.tiers.compression import Damaged, packed, unpacked
from ttscache.tiers.records import (
    as_tier_error,
    checked,
    entry_from,
    forget_audio,
    forget_damaged_audio,
    kept_clip,
    kept_clips,
    location_columns,
    mark_moved,
    mark_stored,
    record_for,
)

logger = logging.getLogger(__name__)


class _Row(NamedTuple):
    """The columns of a clip's record and its bytes that a listener needs, by their names."""

    content_hash: str
    audio_format: str
    checksum: str
    duration_ms: int | None
    content_type: str
    voice: str
    model: str
    content_text: str
    loudness_dbfs: float | None
    waveform: bytes | None
    made_ahead: bool
    encoding: str
    is_active: bool
    file__file_data: bytes | None
    is_published: bool


_ITS_HASH = "the hash of the clip"  # stands in the kept statement for what each look puts there


def _row_of(content_hash: str) -> _Row | None:
    statement, parameters = _kept_statement()
    with connection.cursor() as cursor:
        cursor.execute(statement, [content_hash if value == _ITS_HASH else value for value in parameters])
        row = cursor.fetchone()
    return None if row is None else _Row(*row)


@cache
def _kept_statement() -> tuple[str, tuple[Any, ...]]:
    """The statement and its parameters, kept because Django takes longer to write it than to run it."""
    clips = kept_clips(PermanentStore.DATABASE).filter(content_hash=_ITS_HASH)
    statement, parameters = clips.values_list(*_Row._fields).query.sql_with_params()
    return statement, tuple(parameters)


def _intact(row: _Row) -> Entry | None:
    """The clip, if its bytes are there and have the checksum of the record."""
    if row.file__file_data is None:
        return None
    try:
        audio = unpacked(bytes(row.file__file_data), row.encoding)
    except Damaged:
        return None
    return entry_from(row, audio) if checksum_of(audio) == row.checksum else None


class DatabaseTier:
    """A permanent tier. `put` requires the clip's record, so create that first."""

    name = "database"

    def __init__(self, compression: str = "auto") -> None:
        self._compression = compression

    def get(self, content_hash: str) -> Entry | None:
        with as_tier_error():
            row = _row_of(content_hash)
            if row is None or not row.is_active:
                return None
            return _intact(row) or self._mend(content_hash)

    def put(self, entry: Entry) -> None:
        with as_tier_error(), transaction.atomic():
            clip = record_for(entry)
            mark_stored(clip, entry, self._write(clip, entry))

    def delete(self, content_hash: str) -> None:
        with as_tier_error(), transaction.atomic():
            ClipFile.objects.filter(cache__content_hash=content_hash).delete()
            for clip in Clip.objects.filter(content_hash=content_hash, stored_in=PermanentStore.DATABASE):
                forget_audio(clip)

    def entries(self) -> Iterator[tuple[str, int]]:
        with as_tier_error():
            yield from ClipFile.objects.values_list("cache__content_hash", "file_size").iterator(
                chunk_size=2_000
            )

    def read(self, clip: Clip) -> Entry | None:
        """Return the clip of a record that names this tier; None if its bytes are missing or damaged."""
        kept: ClipFile | None = getattr(clip, "file", None)
        if kept is None:
            logger.error("The database has lost the bytes of clip %s.", clip.content_hash)
            return None
        try:
            return checked(clip, unpacked(bytes(kept.file_data), clip.encoding))
        except Damaged:
            logger.error("The bytes of clip %s in the database do not unpack.", clip.content_hash)
            return None

    def _mend(self, content_hash: str) -> Entry | None:
        """Read a clip of the earlier system, which has no checksum. Forget audio that is lost or damaged."""
        clip = kept_clip(content_hash, PermanentStore.DATABASE)
        if clip is None:
            return None
        entry = self.read(clip)
        if entry is None:
            forget_damaged_audio(clip)  # the damaged bytes stay until new ones replace them
        return entry

    def has_bytes(self, clip: Clip) -> bool:
        with as_tier_error():
            return ClipFile.objects.filter(cache=clip).exists()

    def take_over(self, clip: Clip, entry: Entry) -> bool:
        """Store a clip that another tier holds so far. False if its record has changed meanwhile."""
        with as_tier_error(), transaction.atomic():
            where = self._write(clip, entry)
            # Read back first: the other tier's copy is deleted once the record names this one.
            kept = ClipFile.objects.get(cache=clip)
            if checksum_of(unpacked(bytes(kept.file_data), where["encoding"])) != entry.checksum:
                raise TierError("The database gives back other bytes than it was given.")
            is_done = mark_moved(clip, where)
            transaction.set_rollback(not is_done)
            return is_done

    def _write(self, clip: Clip, entry: Entry) -> dict[str, Any]:
        kept, encoding = packed(entry.audio, self._compression)
        ClipFile.objects.bulk_create(  # one statement; update_or_create takes six
            [ClipFile(cache=clip, file_data=kept, file_size=len(kept), created_at=timezone.now())],
            update_conflicts=True,
            unique_fields=["cache"],
            update_fields=["file_data", "file_size", "created_at"],
        )
        return location_columns(PermanentStore.DATABASE, encoding=encoding, stored_size=len(kept))
