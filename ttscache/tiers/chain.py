"""TierChain: asks the tiers in order, the fastest first. Logs and skips a broken one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

from django.db import Error

from ttscache.errors import NotKept, TierError
from ttscache.models import Clip, ContentType, Pin
from ttscache.tiers import Entry, LocalTier, Tier
from ttscache.tiers.records import PermanentTier, as_tier_error

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Hit:
    """A clip that was found. `tier` is the name of the tier that had it."""

    entry: Entry
    tier: str


class TierChain:
    """All tiers of a process.

    `local` are those of this process and host. `permanent` is shared by all hosts and gets new clips;
    `elsewhere` are permanent tiers that got them under earlier settings.
    """

    def __init__(
        self,
        *,
        local: Sequence[LocalTier],
        permanent: PermanentTier,
        elsewhere: Sequence[PermanentTier] = (),
    ) -> None:
        self.local = tuple(local)
        self.permanent = permanent
        self.permanents: tuple[PermanentTier, ...] = (permanent, *elsewhere)

    @property
    def all(self) -> tuple[Tier, ...]:
        return (*self.local, *self.permanents)

    # --- looking ------------------------------------------------------------------------------------------
    def find_published(self, content_hash: str) -> Hit | None:
        """Find a published clip in a local tier. Runs no query, so it works without the database.

        Refills the faster local tiers that missed it.
        """
        return self._find(content_hash, self.local, get=attrgetter("get_published"))

    def find(self, content_hash: str, *, loaded: Clip | None = None) -> Hit | None:
        """Ask each tier in turn, and refill the local ones that missed.

        Pass the clip's record as `loaded` if you have just read it; that saves the permanent tiers a query.
        """
        found = self.find_local(content_hash)
        if found is not None:
            return found
        return self.find_permanent(content_hash) if loaded is None else self._read(loaded)

    def has_local(self, content_hash: str) -> bool:
        """Whether a local tier seems to have the clip. Reads no bytes."""
        return any(tier.has(content_hash) for tier in self.local)

    def find_local(self, content_hash: str) -> Hit | None:
        """Find a clip in the local tiers only, and refill the faster ones that missed it."""
        return self._find(content_hash, self.local)

    def find_permanent(self, content_hash: str) -> Hit | None:
        """Find a clip in the permanent tiers, ignoring local copies. Refills every local tier."""
        return self._find(content_hash, self.permanents, refill=self.local)

    def _find(
        self,
        content_hash: str,
        tiers: Sequence[Tier],
        *,
        get: Callable[[Tier], Callable[[str], Entry | None]] = attrgetter("get"),
        refill: Sequence[LocalTier] | None = None,
    ) -> Hit | None:
        """Ask `tiers` in turn, by the method that `get` returns.

        The found clip goes to `refill`, by default the local tiers that missed it.
        """
        for depth, tier in enumerate(tiers):
            try:
                entry = get(tier)(content_hash)
            except TierError as error:
                logger.warning("The %s tier missed clip %s: %s", tier.name, content_hash, error)
                continue
            if entry is not None:
                missed = self.local[:depth] if refill is None else refill
                if missed:
                    self._put(entry, missed)
                return Hit(entry, tier.name)
        return None

    def _read(self, clip: Clip) -> Hit | None:
        """Read the clip from the permanent tier that its record names. Refills every local tier."""
        for tier in self.permanents:
            if clip.is_ready and clip.stored_in == tier.name:
                try:
                    with as_tier_error():
                        entry = tier.read(clip)
                except TierError as error:
                    logger.warning("The %s tier missed clip %s: %s", tier.name, clip.content_hash, error)
                    return None
                if entry is None:  # damaged, or moved meanwhile: read the record again
                    return self._find(clip.content_hash, self.all)
                self._put(entry, self.local)
                return Hit(entry, tier.name)
        return None

    # --- storing ------------------------------------------------------------------------------------------
    def store_permanently(self, entry: Entry) -> bool:
        """Store in the permanent tier, or in the other one if that fails; `find` looks in both."""
        return any(self._put(entry, [tier]) for tier in self.permanents)

    def store_locally(self, entry: Entry) -> Entry:
        """Store on this host, and mark the clip if it is published."""
        try:
            pins = Pin.objects.published().filter(content_hash=entry.content_hash)
            entry = replace(entry, is_published=pins.exists())
        except Error:
            # Unpublished is the safe assumption: such a clip is checked before it is served.
            logger.warning("Clip %s counts as unpublished: the database does not answer.", entry.content_hash)
        self._put(entry, self.local)
        return entry

    def store_locally_at_least(self, entry: Entry) -> Entry:
        """Store on this host. Raises NotKept if no tier takes the clip; never report it as stored then."""
        stored = self.store_locally(entry)
        if self.find_local(entry.content_hash) is None:
            raise NotKept
        return stored

    def forget(self, content_hashes: Iterable[str]) -> None:
        """Drop clips from the local tiers, because they were removed or have no record."""
        for content_hash in content_hashes:
            for tier in self.local:
                try:
                    tier.delete(content_hash)
                except TierError as error:
                    logger.warning("%s", error)

    def set_published(self, content_hashes: frozenset[str]) -> None:
        for tier in self.local:
            try:
                tier.set_published(content_hashes)
            except TierError as error:
                logger.warning("%s", error)

    def _put(self, entry: Entry, tiers: Sequence[Tier]) -> bool:
        """Store the clip in these tiers; False if one of them failed."""
        if entry.content_type == ContentType.RESPONSE:
            return False  # a person's own words are never copied; an adopted database may hold some
        is_well = True
        for tier in tiers:
            try:
                tier.put(entry)
            except TierError as error:
                is_well = False
                logger.warning("The %s tier did not keep clip %s: %s", tier.name, entry.content_hash, error)
        return is_well
