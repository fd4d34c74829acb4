"""StorageTier: stores clips as objects in a bucket. A clip's record names its object.

    public/ab/ab12….0123456789abcdef-76543210.mp3       clips that anyone may hear now; a CDN may serve these
    private/ab/ab12….0123456789abcdef-89abcdef.mp3.gz   all other clips; only this site serves them

A name holds the content hash and the beginning of the checksum, so it never stands for other bytes. It ends
in a random part, so it is never used again: an object that is being removed cannot be one that a record has
named meanwhile. The object is written before the record names it, and removed after no record names it.

Objects that a CDN serves are never compressed: a player cannot use ranges of a compressed body.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from ttscache.audio import FORMATS
from ttscache.connections import release_connections
from ttscache.errors import TierError
from ttscache.models import Clip, PermanentStore, Pin
from ttscache.renditions.irreplaceable import cannot_be_made_again, is_irreplaceable
from ttscache.tiers import PRIVATE, PUBLIC, Entry, bucket_marker, deletion_queue
from ttscache.tiers.bucket import Bucket
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

CACHE_CONTROL = {PUBLIC: "public, max-age=31536000, immutable", PRIVATE: "private, no-store"}
OBJECT_NAME = re.compile(
    rf"({PUBLIC}|{PRIVATE})/([0-9a-f]{{2}})/\2[0-9a-f]{{30}}\.[0-9a-f]{{16}}(-[0-9a-f]{{8}})?"
    rf"\.({'|'.join(FORMATS)})(\.gz)?"
)
STRAY_AGE = timedelta(hours=1)
REMOVALS_AT_ONCE = 8
LOOKS = 3  # attempts to read a record that changes while its object is fetched


class StorageTier:
    """A permanent tier. `put` requires the clip's record, so create that first."""

    name = "storage"

    def __init__(self, bucket: Bucket, compression: str = "auto", *, has_cdn: bool = False) -> None:
        self.bucket = bucket
        self._compression = compression
        self._has_cdn = has_cdn
        self._is_marked = False

    def get(self, content_hash: str) -> Entry | None:
        with as_tier_error():
            for _ in range(LOOKS):
                clip = kept_clip(content_hash, PermanentStore.STORAGE)
                if clip is None or not clip.is_active:
                    return None
                content = self._content(clip)
                entry = self._entry(clip, content)
                if entry is not None:
                    return entry
                if self._forget(clip, is_there=content is not None):
                    return None
                # It was moved between our look at the record and at the object: look again.
        return None

    def put(self, entry: Entry) -> None:
        with as_tier_error():
            name, content, encoding = self._packed(entry)
            self._upload(name, content, entry)
            with transaction.atomic():
                where = location_columns(
                    PermanentStore.STORAGE, encoding=encoding, stored_size=len(content), name=name
                )
                mark_stored(record_for(entry), entry, where)
            self.sweep_if_possible(limit=10)

    def delete(self, content_hash: str) -> None:
        with as_tier_error():
            for clip in Clip.objects.stored_by(PermanentStore.STORAGE).filter(content_hash=content_hash):
                if forget_audio(clip):
                    deletion_queue.schedule_now([_name_of(clip)])
            self.sweep_if_possible(limit=10)

    def entries(self) -> Iterator[tuple[str, int]]:
        """Yield the clips whose objects exist. Objects that no record names are left out."""
        with as_tier_error():
            for page in self.bucket.pages():
                sizes = {item.name: item.size for item in page}
                named = Clip.objects.stored_by(PermanentStore.STORAGE).filter(audio_file_path__in=sizes)
                for content_hash, name in named.values_list("content_hash", "audio_file_path"):
                    yield content_hash, sizes[str(name)]

    # --- for those who move clips -------------------------------------------------------------------------
    def read(self, clip: Clip) -> Entry | None:
        """Return the clip of a record that names this tier; None if its bytes are missing or damaged."""
        return self._entry(clip, self._content(clip))

    def _content(self, clip: Clip) -> bytes | None:
        release_connections()  # the bucket may be far away
        content = self.bucket.get(_name_of(clip))
        if content is None:
            bucket_marker.ensure(self.bucket)  # raises if the settings are wrong and no clip is missing
            logger.error("The bucket has no object of clip %s.", clip.content_hash)
        return content

    def _entry(self, clip: Clip, content: bytes | None) -> Entry | None:
        if content is None:
            return None
        try:
            return checked(clip, unpacked(content, clip.encoding))
        except Damaged:
            logger.error("The object of clip %s does not unpack.", clip.content_hash)
            return None

    def check(self) -> None:
        """Raise TierError unless the bucket can be used and is ours."""
        self.bucket.check()
        with as_tier_error():
            self._ensure_marker()

    def has_bytes(self, clip: Clip) -> bool:
        return self.bucket.has(_name_of(clip))

    def take_over(self, clip: Clip, entry: Entry) -> bool:
        """Store a clip that is elsewhere, or here under another name. False if its record has changed."""
        with as_tier_error():
            name, content, encoding = self._packed(entry)
            self._upload(name, content, entry)
            # Read back first: the other copy is deleted once the record names this one.
            if self.bucket.get(name) != content:
                raise TierError("The object storage gives back other bytes than it was given.")
            where = location_columns(
                PermanentStore.STORAGE, encoding=encoding, stored_size=len(content), name=name
            )
            with transaction.atomic():
                return mark_moved(clip, where)

    def settle(self, clip: Clip) -> bool:
        """Move the object to the side that its pins require. False if its record has changed meanwhile."""
        with as_tier_error():
            is_to_be_plain = clip.encoding and self._has_cdn and _is_audible(clip.content_hash)
            is_moved = self._repack(clip) if is_to_be_plain else self._copy(clip)
            old = _name_of(clip)
            # Checked again after the move: if the clip became audible meanwhile, its old address is in use.
            if is_moved and not _is_audible(clip.content_hash):
                deletion_queue.expedite(old)
            return is_moved

    def sweep(self, *, limit: int = 500) -> int:
        """Remove due objects that no record names, several at once. Returns how many."""
        with as_tier_error():
            due = list(deletion_queue.due().values_list("name", flat=True)[:limit])
            if not due:
                return 0
            named = deletion_queue.in_use(due)
            unnamed = [name for name in due if name not in named]
            self._remove(unnamed)
            deletion_queue.dequeue(due)
        return len(unnamed)

    def strays(self) -> Iterator[tuple[str, int]]:
        """Yield our objects that neither a record nor a PendingDeletion knows, with their sizes in bytes.

        The bucket may be shared, so objects with other names are left out. So are young objects, which a
        process may have just written.
        """
        with as_tier_error():
            for page in self.bucket.pages():
                long_ago = timezone.now() - STRAY_AGE
                sizes = {item.name: item.size for item in page if item.written_at < long_ago}
                ours = [name for name in sizes if OBJECT_NAME.fullmatch(name)]
                for name in deletion_queue.unknown(ours):
                    if not _is_still_named(name):
                        yield name, sizes[name]

    def remove_stray(self, name: str) -> None:
        """Remove an object, unless a record or a PendingDeletion knows it by now."""
        with as_tier_error():
            if deletion_queue.unknown([name]):
                self.bucket.delete(name)

    def _packed(self, entry: Entry) -> tuple[str, bytes, str]:
        side = PUBLIC if _is_audible(entry.content_hash) else PRIVATE
        is_plain = side == PUBLIC and self._has_cdn
        content, encoding = packed(entry.audio, "none" if is_plain else self._compression)
        name = object_name(side, entry.content_hash, entry.checksum, entry.audio_format, encoding)
        return name, content, encoding

    def _upload(self, name: str, content: bytes, entry: Entry) -> None:
        self.bucket.check_not_down()
        self._ensure_marker()
        # Registered before the upload: if this process is killed, the sweep removes the object.
        deletion_queue.register_upload(name)
        release_connections()
        self.bucket.put(name, content, _headers(name, entry.audio_format))

    def _ensure_marker(self) -> None:
        """Check the marker once in the life of the process."""
        if not self._is_marked:
            bucket_marker.ensure(self.bucket)
            self._is_marked = True

    def _repack(self, clip: Clip) -> bool:
        content = self._content(clip)
        entry = self._entry(clip, content)
        if entry is not None:
            return self.take_over(clip, entry)
        return not self._forget(clip, is_there=content is not None) and not cannot_be_made_again(clip)

    def _copy(self, clip: Clip) -> bool:
        side = PUBLIC if _is_audible(clip.content_hash) else PRIVATE
        old = _name_of(clip)
        new = object_name(side, clip.content_hash, clip.checksum, clip.audio_format, clip.encoding)
        deletion_queue.register_upload(new)
        release_connections()
        if not self.bucket.copy(old, new, _headers(new, clip.audio_format)):
            bucket_marker.ensure(self.bucket)
            self._forget(clip, is_there=False)
            return False
        with transaction.atomic():
            where = location_columns(
                PermanentStore.STORAGE, encoding=clip.encoding, stored_size=clip.bytes_at_rest, name=new
            )
            return mark_moved(clip, where)

    def _forget(self, clip: Clip, *, is_there: bool) -> bool:
        with transaction.atomic():
            is_forgotten = forget_damaged_audio(clip)
            # An adopted object is the only copy, and some clips cannot be made again. Such an object stays,
            # although it is damaged, until the clip is made again.
            if is_forgotten and is_there and clip.adopted_at is None and not is_irreplaceable(clip):
                deletion_queue.schedule(_name_of(clip))
            return is_forgotten

    def sweep_if_possible(self, *, limit: int = 500) -> None:
        """Sweep, or log why it failed; the objects stay queued."""
        try:
            self.sweep(limit=limit)
        except TierError as error:
            logger.warning("Old objects stay for now: %s", error)

    def _remove(self, names: Sequence[str]) -> None:
        if len(names) < REMOVALS_AT_ONCE:
            for name in names:
                self.bucket.delete(name)
            return
        release_connections()
        with ThreadPoolExecutor(REMOVALS_AT_ONCE, thread_name_prefix="sweep") as pool:
            list(pool.map(self.bucket.delete, names))


def object_name(side: str, content_hash: str, checksum: str, audio_format: str, encoding: str) -> str:
    """Return a new name on each call, because names are never used twice."""
    suffix = ".gz" if encoding else ""
    once = secrets.token_hex(4)
    return f"{side}/{content_hash[:2]}/{content_hash}.{checksum[:16]}-{once}.{audio_format}{suffix}"


def _headers(name: str, audio_format: str) -> dict[str, str]:
    # No Content-Encoding: some stores would unpack the body. The record holds the encoding.
    return {
        "ContentType": "application/gzip" if name.endswith(".gz") else FORMATS[audio_format].media_type,
        "CacheControl": CACHE_CONTROL[name.partition("/")[0]],
    }


def _name_of(clip: Clip) -> str:
    return str(clip.audio_file_path)


def _is_still_named(name: str) -> bool:
    """Whether the record of an adopted or irreplaceable clip names this damaged object, so that it stays."""
    named = Clip.objects.filter(audio_file_path=name).defer("waveform")
    return any(clip.adopted_at is not None or is_irreplaceable(clip) for clip in named)


def _is_audible(content_hash: str) -> bool:
    return Pin.objects.audible().filter(content_hash=content_hash).exists()
