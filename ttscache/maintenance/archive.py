"""Export clips from the permanent tiers, and import them on another server, database or bucket.

Records without audio are not exported. The app that owns their texts exports those, and puts the
clips on record when it publishes them. A record alone would be a text that belongs to nobody.
"""

from __future__ import annotations

import fcntl
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from django.db import transaction
from django.db.models import QuerySet

from ttscache import hooks
from ttscache.cache import SpeechCache
from ttscache.connections import why_refused
from ttscache.errors import TierError
from ttscache.maintenance.archive_file import (
    ArchivedClip,
    ArchiveReader,
    ClipDescription,
    NoArchive,
    UnusableClip,
)
from ttscache.models import Clip, ContentType, DatabaseIdentity, PermanentStore
from ttscache.renditions.irreplaceable import may_quote_a_person
from ttscache.tiers import Entry
from ttscache.tiers.records import as_tier_error, kept_clip

PAGE = 500
LOOKS = 3  # a clip may be moved or made anew while it is read
GONE = "gone"
HEAD_BYTES = 1024  # an export that was killed within its first member left at most this much


# --- out --------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Export:
    """One clip to export. If `clip` is None, `problem` says why it stays behind, without its text."""

    content_hash: str
    clip: ArchivedClip | None
    problem: str = ""


def exportable_clips() -> QuerySet[Clip]:
    """All clips with audio, except those that may quote a person."""
    return Clip.objects.with_audio().exclude(may_quote_a_person())


def identity_of_database() -> str:
    """The identity that an archive of this database carries. Raises TierError."""
    with as_tier_error():
        return DatabaseIdentity.of_this_database()


def count_exportable() -> int:
    """How many clips an export would hold. Raises TierError."""
    with as_tier_error():
        return exportable_clips().count()


def export_all(cache: SpeechCache, *, after: str = "", only_in: str = "") -> Iterator[Export]:
    """Read all clips after a content hash, in its order, one at a time. Raises TierError.

    `only_in` names the permanent tier whose clips are read; by default those of all.
    """
    while True:
        with as_tier_error():
            rows = exportable_clips().filter(content_hash__gt=after).order_by("content_hash")
            rows = rows.filter(stored_in=only_in) if only_in else rows
            page = list(rows.values_list("content_hash", "stored_in")[:PAGE])
        if not page:
            return
        for content_hash, stored_in in page:
            export = _exported(cache, content_hash, stored_in)
            if export.problem != GONE:
                yield export
        after = page[-1][0]


def _exported(cache: SpeechCache, content_hash: str, stored_in: str) -> Export:
    tiers = {tier.name: tier for tier in cache.tiers.permanents}
    for _ in range(LOOKS):
        tier = tiers.get(stored_in)
        if tier is None:
            return Export(content_hash, None, "it is stored in a bucket that is not set up here")
        with as_tier_error():
            clip = kept_clip(content_hash, PermanentStore(tier.name))
            entry = tier.read(clip) if clip is not None and clip.is_active else None
            if clip is not None and entry is not None:
                return Export(content_hash, ArchivedClip(_described(clip, entry), entry.audio))
            # It is damaged, or was moved, made anew or removed meanwhile. Its present record tells which.
            place = exportable_clips().filter(content_hash=content_hash).values_list("stored_in", flat=True)
            found = place.first()
        if found is None:
            return Export(content_hash, None, GONE)
        stored_in = found
    return Export(content_hash, None, "its bytes are missing or damaged; check_cache says more")


def _described(clip: Clip, entry: Entry) -> ClipDescription:
    return ClipDescription(
        content_hash=clip.content_hash,
        text=clip.content_text,
        voice=clip.voice,
        model=clip.model,
        audio_format=clip.audio_format,
        speed=clip.speed,
        instructions=clip.instructions,
        content_type=clip.content_type,
        is_shareable=clip.is_shareable,
        made_ahead=clip.made_ahead,
        created_at=clip.created_at,
        last_accessed_at=clip.last_accessed_at,
        adopted_at=clip.adopted_at,
        duration_ms=entry.duration_ms,
        loudness_dbfs=entry.loudness_dbfs,
        waveform=entry.waveform,
        size=entry.size,
        checksum=entry.checksum,
        is_accepted=entry.checksum == clip.accepted_checksum,
    )


@dataclass(frozen=True, slots=True)
class WrittenPart:
    """The result of an earlier run: number of whole clips, the last one's hash, where the next one goes."""

    clips: int = 0
    last_hash: str = ""
    position: int = 0
    planned: int = 0


@contextmanager
def open_part(path: Path) -> Iterator[BinaryIO]:
    """Open FILE.part for one export at a time. Only its owner may read it, because it holds texts.

    Raises OSError, and NoArchive if another export is writing it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        try:
            # The kernel releases the lock when the process ends, even if it is killed.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NoArchive(f"Another export is writing {path}.") from None
        yield file


def continue_part(file: BinaryIO, source: str) -> WrittenPart:
    """Keep the whole clips, cut off the rest, and seek to where the next clip goes.

    Raises OSError, and NoArchive if the file is not an unfinished archive, or is from another database.
    """
    reader = ArchiveReader(file)
    clips, last_hash = 0, ""
    for clip in reader.clips():
        if not isinstance(clip, ArchivedClip):
            break
        clips, last_hash = clips + 1, clip.content_hash
    if reader.head is None:
        if os.fstat(file.fileno()).st_size > HEAD_BYTES:
            raise NoArchive("It is not an unfinished archive: remove it, or name another file.")
        file.seek(0)
        file.truncate()
        return WrittenPart()
    if reader.head.source != source:
        raise NoArchive("It is from another database: remove it, or name another file.")
    file.seek(reader.whole_until)
    file.truncate()
    padding = -reader.whole_until % tarfile.BLOCKSIZE  # a clip is whole even without the zeros behind it
    file.write(bytes(padding))
    return WrittenPart(clips, last_hash, reader.whole_until + padding, reader.head.clips)


# --- in ---------------------------------------------------------------------------------------------------
def restore_clip(cache: SpeechCache, clip: ArchivedClip) -> bool:
    """Store the clip in the permanent tier. False if it was already there and whole.

    Missing or damaged bytes are replaced. Raises UnusableClip if the clip may not be imported, and TierError.
    """
    try:
        return _restore(cache, clip)
    except TierError as error:
        if reason := why_refused(error):
            raise UnusableClip(reason) from error
        raise


def _restore(cache: SpeechCache, clip: ArchivedClip) -> bool:
    described = clip.description
    if _is_here(cache, described):
        return False
    with as_tier_error(), transaction.atomic():
        # Touch it first, so that a prune cannot delete it meanwhile. The record is written in one
        # transaction: an import that is killed leaves it whole or not at all.
        Clip.objects.touch_all([clip.content_hash])
        if not Clip.objects.filter(content_hash=clip.content_hash).exists():
            Clip.objects.record_all(
                [described.request], described.content_type, are_shareable=described.is_shareable
            )
            # `last_accessed_at` is now: the stale clock of a clip starts at its import.
            Clip.objects.filter(content_hash=clip.content_hash).update(created_at=described.created_at)
        if described.adopted_at is not None:
            # Adopted clips are judged leniently; without this, check_cache would report it as short.
            Clip.objects.filter(content_hash=clip.content_hash).update(adopted_at=described.adopted_at)
        if described.is_accepted:
            Clip.objects.filter(content_hash=clip.content_hash).update(accepted_checksum=described.checksum)
    cache.tiers.permanent.put(_entry_of(clip))
    return True


def _is_here(cache: SpeechCache, described: ClipDescription) -> bool:
    """Whether the clip is here and whole, or was taken out of use. Raises UnusableClip, TierError."""
    with as_tier_error():
        record = Clip.objects.filter(content_hash=described.content_hash).select_related("file").first()
        if record is None:
            return False
        if record.content_type == ContentType.RESPONSE:
            raise UnusableClip("its key is on record here as a person's own words")
        if record.content_text != described.text or record.voice != described.voice:
            raise UnusableClip("its key is on record here with another text")
        if not record.is_active:
            return True
        if record.stored_at is None:
            return False
        tier = next((tier for tier in cache.tiers.permanents if tier.name == record.stored_in), None)
        if tier is None:
            raise UnusableClip("it is stored in a bucket that is not set up here")
        return tier.read(record) is not None


def _entry_of(clip: ArchivedClip) -> Entry:
    described = clip.description
    return Entry(
        content_hash=described.content_hash,
        audio=clip.audio,
        audio_format=described.audio_format,
        checksum=described.checksum,
        duration_ms=described.duration_ms,
        content_type=described.content_type,
        voice=described.voice,
        model=described.model,
        characters=len(described.text),
        loudness_dbfs=described.loudness_dbfs,
        waveform=described.waveform,
        made_ahead=described.made_ahead,
    )


def tell_of_restored_clips() -> None:
    """Tell the app above that clips came in: a version or a voice may have waited for the last of them.

    Pins need no update: they hold content hashes, and objects were stored on the side their pins want.
    """
    hooks.installed().run_ended()
