"""Clips every process can reach: their bytes in rows beside their records."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from ttscache import audio as sound
from ttscache.errors import BrokenAudio, TierError
from ttscache.models import Clip, ClipFile, Pin
from ttscache.tiers import Entry, checksum_of

logger = logging.getLogger(__name__)


class DatabaseTier:
    """The permanent tier. A clip can be put only where its record is: words first, then sound."""

    name = "database"

    def get(self, content_hash: str) -> Entry | None:
        with _as_tier_error():
            clip = (
                Clip.objects.select_related("file")
                .annotate(
                    is_published=Exists(Pin.objects.published().filter(content_hash=OuterRef("content_hash")))
                )
                .filter(content_hash=content_hash, is_active=True, kept_at__isnull=False, file__isnull=False)
                .first()
            )
            return None if clip is None else self._entry(clip, bytes(clip.file.file_data))

    def put(self, entry: Entry) -> None:
        now = timezone.now()
        with _as_tier_error(), transaction.atomic():
            clip = Clip.objects.filter(content_hash=entry.content_hash).first()
            if clip is None:
                raise TierError("A clip without a record cannot be kept.")
            ClipFile.objects.update_or_create(
                cache=clip, defaults={"file_data": entry.audio, "file_size": entry.size, "created_at": now}
            )
            Clip.objects.filter(pk=clip.pk).update(
                kept_at=now,
                is_active=True,
                audio_file_size=entry.size,
                checksum=entry.checksum,
                duration_ms=entry.duration_ms,
                loudness_dbfs=entry.loudness_dbfs,
                waveform=entry.waveform,
            )

    def delete(self, content_hash: str) -> None:
        with _as_tier_error(), transaction.atomic():
            ClipFile.objects.filter(cache__content_hash=content_hash).delete()
            self._forget_audio(content_hash)

    def entries(self) -> Iterator[tuple[str, int]]:
        with _as_tier_error():
            yield from ClipFile.objects.values_list("cache__content_hash", "file_size").iterator(
                chunk_size=2_000
            )

    def _entry(self, clip: Clip, audio: bytes) -> Entry | None:
        if not clip.checksum:
            return self._examined(clip, audio)
        if checksum_of(audio) != clip.checksum:
            logger.error("The bytes of clip %s in the database are damaged.", clip.content_hash)
            self._forget_audio(clip.content_hash)
            return None
        return _entry_from(clip, audio)

    def _examined(self, clip: Clip, audio: bytes) -> Entry | None:
        """A clip of the earlier system, looked at for the first time: it has to decode, no more."""
        try:
            facts = sound.examine(audio, clip.audio_format)
        except BrokenAudio as error:
            logger.error("The adopted clip %s is broken: %s.", clip.content_hash, error.reason)
            self._forget_audio(clip.content_hash)
            return None
        clip.checksum = checksum_of(audio)
        clip.duration_ms = facts.duration_ms
        clip.loudness_dbfs = facts.loudness_dbfs
        clip.waveform = facts.waveform
        clip.audio_file_size = len(audio)
        clip.save(update_fields=["checksum", "duration_ms", "loudness_dbfs", "waveform", "audio_file_size"])
        return _entry_from(clip, audio)

    @staticmethod
    def _forget_audio(content_hash: str) -> None:
        """The record stays, so that the clip can be made again."""
        Clip.objects.filter(content_hash=content_hash).update(kept_at=None, checksum="")


def _entry_from(clip: Clip, audio: bytes) -> Entry:
    return Entry(
        content_hash=clip.content_hash,
        audio=audio,
        audio_format=clip.audio_format,
        checksum=clip.checksum,
        duration_ms=clip.duration_ms or 0,
        content_type=clip.content_type,
        voice=clip.voice,
        model=clip.model,
        characters=len(clip.content_text),
        loudness_dbfs=clip.loudness_dbfs,
        waveform=bytes(clip.waveform or b""),
        is_published=clip.is_published,  # type: ignore[attr-defined]  # annotated by get
    )


@contextmanager
def _as_tier_error() -> Iterator[None]:
    try:
        yield
    except DatabaseError as error:
        raise TierError("The database cannot be reached or refuses.") from error
