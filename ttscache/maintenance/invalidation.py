"""Drops local copies of clips that another process or host has removed or replaced, within seconds."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.db.models import Max

from ttscache.cache import SpeechCache
from ttscache.maintenance.files_to_keep import files_to_keep
from ttscache.models import Clip, ContentType, Invalidation, in_batches
from ttscache.tiers import pages_of
from ttscache.tiers.files import FileTier

PAGE = 500
DAY_SECONDS = 24 * 3600
# An invalidation carries the time at which it was written, but appears when its transaction is committed.
# So look this far back, or a slow transaction would be missed.
LATE_SECONDS = 30


class InvalidationFollower:
    """Follows the invalidations of all processes and hosts, for the local tiers of one process.

    `maintenance/pruning.py` writes one for each clip that it removes, `tiers/records.py` one for each clip
    whose bytes a remake has replaced.
    """

    def __init__(self, cache: SpeechCache) -> None:
        self._cache = cache
        self._after: datetime | None = None  # by the database's clock; earlier ones were followed
        self._seen: set[int] = set()  # later ones that were followed
        self._dropped: list[str] = []  # content hashes dropped at the last call
        self._all_seen_at = 0.0
        self._comparison_due = 0.0

    def follow(self) -> None:
        """Drop copies of clips removed or replaced since the last call.

        Raises Error; the next call does the rest.

        The first call, and one a day, compares the local tiers with the records: this process may have been
        stopped for longer than invalidations are kept.
        """
        if time.monotonic() >= self._comparison_due:
            latest = Invalidation.objects.aggregate(latest=Max("removed_at"))["latest"]
            drop_copies_without_record(self._cache)
            self._after, self._seen = latest and latest - timedelta(seconds=LATE_SECONDS), set()
            self._comparison_due = time.monotonic() + DAY_SECONDS
        self._follow_new()

    def _follow_new(self) -> None:
        # A request that fetched a clip before its invalidation may have stored it here since.
        drop_outdated_copies(self._cache, self._dropped)
        self._dropped = []
        invalidations = Invalidation.objects.all()
        if self._after is not None:
            invalidations = invalidations.filter(removed_at__gt=self._after)
        found = list(invalidations.values_list("pk", "content_hash", "removed_at"))
        unseen = [content_hash for pk, content_hash, _ in found if pk not in self._seen]
        if unseen:
            self._cache.forget(unseen)
            self._dropped = unseen
            self._all_seen_at = time.monotonic()
        if found:
            latest = max(removed_at for _, _, removed_at in found)
            is_quiet = time.monotonic() - self._all_seen_at > LATE_SECONDS
            self._after = latest if is_quiet else latest - timedelta(seconds=LATE_SECONDS)
            self._seen = {pk for pk, _, removed_at in found if removed_at > self._after}


def drop_outdated_copies(cache: SpeechCache, content_hashes: Sequence[str]) -> None:
    """Drop local copies whose checksum differs from the record's, or that have no record. Raises Error."""
    for some in in_batches(content_hashes):
        checksums = dict(Clip.objects.filter(content_hash__in=some).values_list("content_hash", "checksum"))
        cache.forget(
            content_hash
            for content_hash in some
            for tier in cache.tiers.local
            if (copy := tier.get(content_hash)) is not None
            and checksums.get(content_hash) not in {"", copy.checksum}
        )


def drop_copies_without_record(cache: SpeechCache) -> None:
    """Drop local copies without a record, and local files that belong to no clip. Raises Error.

    Files that may be the only copy of an irreplaceable clip stay.
    """
    for tier in cache.tiers.local:
        for page in pages_of(tier, PAGE):
            records = Clip.objects.filter(content_hash__in=page).exclude(content_type=ContentType.RESPONSE)
            known = set(records.values_list("content_hash", flat=True))
            unknown = [content_hash for content_hash in page if content_hash not in known]
            files = (tier.get(each) for each in unknown)
            kept = files_to_keep(replace(file, audio=b"") for file in files if file is not None)
            cache.forget(content_hash for content_hash in unknown if content_hash not in kept)
        if isinstance(tier, FileTier):
            for path in tier.strays():
                path.unlink(missing_ok=True)
