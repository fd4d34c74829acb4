"""Records of clips: say where the bytes are, and check them. The permanent tiers share this module."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, Protocol

from django.db import Error
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from ttscache import audio as sound
from ttscache.errors import BrokenAudio, TierError
from ttscache.models import Clip, ClipFile, Invalidation, PermanentStore, Pin, Replaced
from ttscache.renditions.irreplaceable import cannot_be_made_again
from ttscache.tiers import Entry, Tier, checksum_of, deletion_queue

logger = logging.getLogger(__name__)


class PermanentTier(Tier, Protocol):
    """A tier that all hosts share. A clip is in one of them, which its record names, and can be moved."""

    def read(self, clip: Clip) -> Entry | None:
        """Return the clip of a record that names this tier; None if its bytes are missing or damaged."""

    def has_bytes(self, clip: Clip) -> bool:
        """Whether the clip's bytes are here, good or damaged."""

    def take_over(self, clip: Clip, entry: Entry) -> bool:
        """Store a clip that another tier holds so far. False if its record has changed meanwhile."""


def kept_clip(content_hash: str, store: PermanentStore) -> Clip | None:
    """Load the record of a clip in this store, with its bytes if they are in the database."""
    return next(iter(kept_clips(store).filter(content_hash=content_hash)), None)


@cache
def kept_clips(store: PermanentStore) -> QuerySet[Clip]:
    """The query without its hash, kept because Django takes as long to put it together as to run it."""
    pins = Pin.objects.published().filter(content_hash=OuterRef("content_hash"))
    clips = Clip.objects.stored_by(store).order_by().select_related("file")
    return clips.annotate(is_published=Exists(pins))


def record_for(entry: Entry) -> Clip:
    """Lock the entry's record until the transaction ends. Raises TierError if there is none."""
    clip = Clip.objects.select_for_update().filter(content_hash=entry.content_hash).first()
    if clip is None:
        raise TierError("A clip without a record cannot be kept.")
    return clip


def location_columns(
    store: PermanentStore, *, encoding: str, stored_size: int, name: str | None = None
) -> dict[str, Any]:
    """Values of the columns that say where a clip's bytes are."""
    return {"stored_in": store, "encoding": encoding, "stored_size": stored_size, "audio_file_path": name}


def mark_stored(clip: Clip, entry: Entry, where: Mapping[str, Any]) -> None:
    """Record that a clip was made and stored, and queue its earlier bytes for deletion."""
    Clip.objects.filter(pk=clip.pk).update(
        stored_at=timezone.now(),
        is_active=True,
        audio_file_size=entry.size,
        checksum=entry.checksum,
        duration_ms=entry.duration_ms,
        loudness_dbfs=entry.loudness_dbfs,
        waveform=entry.waveform,
        made_ahead=entry.made_ahead,
        **where,
    )
    _leave_what_was(clip, where)
    if clip.stored_at is not None:
        Replaced.objects.create(stored_bytes=clip.bytes_at_rest, stored_at=clip.stored_at)
    if clip.stored_at is not None and clip.checksum != entry.checksum:
        # Other hosts hold copies of the earlier bytes; this tells them to drop those.
        Invalidation.objects.create(content_hash=clip.content_hash)


def mark_moved(clip: Clip, where: Mapping[str, Any]) -> bool:
    """Record that the same bytes are now there. Does nothing and returns False if the record has changed."""
    unchanged = Clip.objects.filter(
        pk=clip.pk,
        stored_at__isnull=False,
        stored_in=clip.stored_in,
        checksum=clip.checksum,
        audio_file_path=clip.audio_file_path,
    )
    if not unchanged.update(**where):
        return False
    _leave_what_was(clip, where)
    return True


def forget_damaged_audio(clip: Clip) -> bool:
    """Note that the clip has to be made again. False if that changes nothing.

    If nobody can make it again, its record keeps the checksum: a copy on another host or in an archive may
    bring the bytes back.
    """
    is_lost_for_good = bool(clip.checksum) and cannot_be_made_again(clip)
    return not is_lost_for_good and forget_audio(clip)


def forget_audio(clip: Clip) -> bool:
    """Note that the audio is gone; the record stays, so that the clip can be made again.

    Returns False if the record names other bytes by now.
    """
    unchanged = Clip.objects.filter(
        pk=clip.pk, stored_in=clip.stored_in, checksum=clip.checksum, audio_file_path=clip.audio_file_path
    )
    return bool(unchanged.update(stored_at=None, checksum=""))


def checked(clip: Clip, audio: bytes) -> Entry | None:
    """Return the clip if these are its bytes. One of the earlier system, without a checksum, must decode."""
    if not clip.checksum:
        return _examined(clip, audio)
    if checksum_of(audio) != clip.checksum:
        logger.error("The bytes of clip %s in the %s are damaged.", clip.content_hash, clip.stored_in)
        return None
    return entry_from(clip, audio)


def why_too_short(entry: Entry, clip: Clip) -> str:
    """The reason why the clip is too short for its text, or "".

    Never objects to adopted clips, or to bytes that staff have accepted.
    """
    if clip.adopted_at is not None or entry.checksum == clip.accepted_checksum:
        return ""
    # A long one is left alone: its bytes were accepted when they were made, and nothing of them is missing.
    seconds, shortest = entry.duration_ms / 1000, sound.shortest_seconds(clip.content_text, clip.speed)
    return "" if seconds >= shortest else f"{seconds:.2f} s, expected {shortest:.2f} s or more"


@contextmanager
def as_tier_error() -> Iterator[None]:
    try:
        yield
    except Error as error:
        raise TierError("The database cannot be reached or refuses.") from error


def _examined(clip: Clip, audio: bytes) -> Entry | None:
    """Examine a clip for the first time and store the facts, unless it was made again meanwhile."""
    examine = sound.examine if clip.adopted_at is None else sound.examine_leniently
    try:
        facts = examine(audio, clip.audio_format)
    except BrokenAudio as error:
        logger.error("The adopted clip %s is broken: %s.", clip.content_hash, error.reason)
        return None
    shown = {
        "checksum": checksum_of(audio),
        "duration_ms": facts.duration_ms,
        "loudness_dbfs": facts.loudness_dbfs,
        "waveform": facts.waveform,
        "audio_file_size": len(audio),
    }
    unchanged = Clip.objects.filter(
        pk=clip.pk, stored_in=clip.stored_in, stored_at=clip.stored_at, checksum=""
    )
    unchanged.update(**shown)
    for column, value in shown.items():
        setattr(clip, column, value)
    return entry_from(clip, audio)


def _leave_what_was(clip: Clip, where: Mapping[str, Any]) -> None:
    if where["stored_in"] != PermanentStore.DATABASE:
        ClipFile.objects.filter(cache=clip).delete()
        deletion_queue.confirm(where["audio_file_path"])
    old = clip.audio_file_path if clip.stored_in == PermanentStore.STORAGE else None
    if old and old != where["audio_file_path"]:
        deletion_queue.schedule(old)


def entry_from(clip: Any, audio: bytes) -> Entry:
    """The clip with these bytes, found to be good. `clip` has the columns of its record as attributes."""
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
        is_published=bool(getattr(clip, "is_published", False)),  # as kept_clips found it
        made_ahead=bool(clip.made_ahead),
    )
