"""DatabaseTier: stores the bytes of clips in rows beside their records."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.utils import timezone

from ttscache.errors import TierError
from ttscache.models import Clip, ClipFile, PermanentStore
from ttscache.tiers import Entry, checksum_of
from ttscache.tiers.compression import Damaged, packed, unpacked
from ttscache.tiers.records import (
    as_tier_error,
    checked,
    forget_audio,
    forget_damaged_audio,
    kept_clip,
    location_columns,
    mark_moved,
    mark_stored,
    record_for,
)

logger = logging.getLogger(__name__)


class DatabaseTier:
    """A permanent tier. `put` requires the clip's record, so create that first."""

    name = "database"

    def __init__(self, compression: str = "auto") -> None:
        self._compression = compression

    def get(self, content_hash: str) -> Entry | None:
        with as_tier_error():
            clip = kept_clip(content_hash, PermanentStore.DATABASE)
            if clip is None or not clip.is_active:
                return None
            entry = self.read(clip)
            if entry is None:
                forget_damaged_audio(clip)  # the damaged bytes stay until new ones replace them
            return entry

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
