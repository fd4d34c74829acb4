"""Moves clips to where they belong. Each function may be cut off at any point and called again.

It moves objects between the public and the private side of the bucket, stores clips that only this host has,
and moves all clips from one permanent tier to the other.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, QuerySet

from ttscache.cache import SpeechCache
from ttscache.conf import conf
from ttscache.connections import why_refused
from ttscache.coordination.leases import Cooldown
from ttscache.errors import TierError
from ttscache.models import Clip, ContentType, PermanentStore, Pin
from ttscache.renditions.irreplaceable import cannot_be_made_again
from ttscache.tiers import PUBLIC, pages_of
from ttscache.tiers.records import PermanentTier, as_tier_error, kept_clip, why_too_short
from ttscache.tiers.storage import StorageTier
from ttscache.wiring import speech_cache, storage_tier

logger = logging.getLogger(__name__)

TENDING_SECONDS = 60
BATCH = 500
LOOKS = 3  # a clip's record may change while it is moved
ATTEMPTS = 5  # while a tier does not answer
ATTEMPT_SECONDS = 2.0


# --- objects and their pins -------------------------------------------------------------------------------
def misplaced() -> QuerySet[Clip]:
    """Clips in the bucket whose object is on the wrong side, or is compressed although a CDN serves it."""
    is_audible = Exists(Pin.objects.audible().filter(content_hash=OuterRef("content_hash")))
    is_public = Q(audio_file_path__startswith=f"{PUBLIC}/")
    is_wrong = (is_audible & ~is_public) | (~is_audible & is_public)
    if conf().cdn_url:
        is_wrong |= is_audible & ~Q(encoding="")
    return Clip.objects.stored_by(PermanentStore.STORAGE).filter(is_wrong).defer("waveform")


def settle_objects() -> int:
    """Move misplaced objects, one batch; returns how many. Raises TierError."""
    storage = storage_tier()
    if storage is None:
        return 0
    with as_tier_error():
        return sum(_settled(storage, clip) for clip in misplaced().order_by("pk")[:BATCH])


def _settled(storage: StorageTier, clip: Clip) -> bool:
    try:
        return storage.settle(clip)
    except TierError as error:
        if not (reason := why_refused(error)):
            raise
        logger.error("The object of clip %s stays where it is: %s.", clip.content_hash, reason)
        return False


def start_tending_turn() -> bool:
    """Take the turn to tend the clips; False if any host took it within TENDING_SECONDS. Raises Error."""
    return Cooldown(speech_cache().leases, "tending").start(TENDING_SECONDS, reason="done")


# --- clips that only this host has ------------------------------------------------------------------------
def push_missing(cache: SpeechCache | None = None) -> int:
    """Store clips that only a local tier of this host has, as after an outage. Raises TierError."""
    cache = cache or speech_cache()
    pushed = 0
    for tier in cache.tiers.local:
        for batch in pages_of(tier, BATCH):
            for clip in _without_bytes(batch):
                entry = tier.get(clip.content_hash)
                if entry is None:
                    continue
                if (reason := why_too_short(entry, clip)) and cannot_be_made_again(clip):
                    continue  # it can never be made again, so keep it; `check_cache` reports it
                if reason:
                    logger.error("This host's copy of clip %s is short: %s.", clip.content_hash, reason)
                    tier.delete(clip.content_hash)
                    continue
                try:
                    cache.tiers.permanent.put(entry)
                except TierError as error:
                    if not (reason := why_refused(error)):
                        raise
                    logger.error("Clip %s stays on this host only: %s.", clip.content_hash, reason)
                    continue
                pushed += 1
    return pushed


def _without_bytes(content_hashes: list[str]) -> list[Clip]:
    with as_tier_error():
        missing = Clip.objects.filter(content_hash__in=content_hashes, stored_at__isnull=True, is_active=True)
        return list(missing.exclude(content_type=ContentType.RESPONSE).defer("waveform"))


# --- from one permanent tier to the other -----------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Move:
    """The result for one clip. `problem` says why it stayed where it was."""

    clip: Clip
    problem: str = ""


def to_move(source: PermanentTier) -> QuerySet[Clip]:
    """All clips of this tier, except a person's own words, which are never moved."""
    kept = Clip.objects.stored_by(PermanentStore(source.name)).exclude(content_type=ContentType.RESPONSE)
    return kept.defer("waveform").order_by("pk")


def move_clips(source: PermanentTier, target: PermanentTier) -> Iterator[Move]:
    """Move all clips: read, check, store, read back, update the record, and only then delete the old bytes.

    Raises TierError if a tier does not answer for a while; clips moved until then stay moved.
    """
    last = None
    while page := list((to_move(source).filter(pk__gt=last) if last else to_move(source))[:BATCH]):
        for clip in page:
            yield _persistently_moved(clip.content_hash, source, target) or Move(clip)
        last = page[-1].pk


def _persistently_moved(content_hash: str, source: PermanentTier, target: PermanentTier) -> Move | None:
    for _ in range(ATTEMPTS - 1):
        try:
            return _moved(content_hash, source, target)
        except TierError as error:
            if reason := why_refused(error):
                clip = kept_clip(content_hash, PermanentStore(source.name))
                return None if clip is None else Move(clip, reason)
            logger.warning("Clip %s waits to be moved: %s", content_hash, error)
            time.sleep(ATTEMPT_SECONDS)
    return _moved(content_hash, source, target)


def _moved(content_hash: str, source: PermanentTier, target: PermanentTier) -> Move | None:
    with as_tier_error():
        for _ in range(LOOKS):
            clip = kept_clip(content_hash, PermanentStore(source.name))
            if clip is None:
                return None  # another process has moved it
            entry = source.read(clip)
            if entry is None:
                return Move(clip, "its bytes are missing or damaged")
            if target.take_over(clip, entry):
                return Move(clip)
        raise TierError("A clip changes faster than it can be moved.")
