"""Remove what nobody has asked for in a long time and nothing holds: its record, its bytes, in every tier."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from ttscache.cache import SpeechCache
from ttscache.models import Claim, Clip
from ttscache.prices import list_price_usd
from ttscache.tiers.records import as_tier_error

logger = logging.getLogger(__name__)

BATCH = 100


@dataclass(frozen=True, slots=True)
class Stale:
    """What a prune would remove, and only that. `kept_back` are as old but held by a pin."""

    content_hashes: tuple[str, ...]
    freed_bytes: int
    remake_cost_usd: float
    kept_back: int


def find_stale(days: int) -> Stale:
    """Nothing is written. Raises DatabaseError."""
    hashes, freed_bytes, cost_usd = [], 0, 0.0
    stale = Clip.objects.stale(days).order_by("last_accessed_at")
    fields = ("content_hash", "model", "content_text", "audio_file_size", "kept_at")
    for content_hash, model, text, size, kept_at in stale.values_list(*fields).iterator(chunk_size=2_000):
        hashes.append(content_hash)
        if kept_at is not None:
            freed_bytes += size or 0
            cost_usd += list_price_usd(model, len(text))
    return Stale(tuple(hashes), freed_bytes, cost_usd, Clip.objects.held_though_stale(days).count())


def prune(stale: Stale, days: int, cache: SpeechCache) -> Iterator[str]:
    """Remove them one by one, and yield the hash of each that is gone. May be cut off and done again.

    Whatever was asked for, pinned or taken up since it was listed stays. Raises TierError.
    """
    for start in range(0, len(stale.content_hashes), BATCH):
        batch = stale.content_hashes[start : start + BATCH]
        with as_tier_error():
            still_stale = _idle(days, batch)
        for content_hash in still_stale:
            for tier in cache.tiers:
                tier.delete(content_hash)
            with as_tier_error():
                Clip.objects.stale(days).filter(content_hash=content_hash).delete()
            yield content_hash


def _idle(days: int, content_hashes: tuple[str, ...]) -> list[str]:
    """Those of them that are stale still and that nobody is making."""
    is_in_the_making = Exists(Claim.objects.filter(name=OuterRef("content_hash"), until__gt=Now()))
    stale = Clip.objects.stale(days).filter(content_hash__in=content_hashes)
    return list(stale.exclude(is_in_the_making).values_list("content_hash", flat=True))
