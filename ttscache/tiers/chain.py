"""TierChain: the tiers in their order, the fastest first. A broken one is logged and skipped."""

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
    """A clip that was there. `tier` is the name of the one that had it."""

    entry: Entry
    tier: str


class TierChain:
    """`local` are the tiers of this process and host. `permanent` is the one that all hosts share and where
    new clips go; `elsewhere` has those that went somewhere else before."""

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
        """A published clip that this process or host has: no query, so it plays without the database.

        Refills the local tiers that were asked before the one that has it.
        """
        return self._find(content_hash, self.local, is_wanted=attrgetter("is_published"))

    def find(self, content_hash: str, *, loaded: Clip | None = None) -> Hit | None:
        """Ask each tier in turn, and refill the local ones that missed.

        `loaded` is the clip's record, just read: it spares the permanent tiers another look at it.
        """
        found = self.find_local(content_hash)
        if found is not None:
            return found
        return self.find_permanent(content_hash) if loaded is None else self._read(loaded)

    def has_local(self, content_hash: str) -> bool:
        """Whether this process or host may have it; its bytes are not read."""
        return any(tier.has(content_hash) for tier in self.local)

    def find_local(self, content_hash: str) -> Hit | None:
        """In a tier of this process or host only. Refills those asked before the one that has it."""
        return self._find(content_hash, self.local)

    def find_permanent(self, content_hash: str) -> Hit | None:
        """In a tier that all hosts share, whatever this one may hold of its own. Refills every local tier."""
        return self._find(content_hash, self.permanents, refill=self.local)

    def _find(
        self,
        content_hash: str,
        tiers: Sequence[Tier],
        *,
        is_wanted: Callable[[Entry], bool] = lambda _: True,
        refill: Sequence[LocalTier] | None = None,
    ) -> Hit | None:
        """`refill`: the tiers that get what is found; by default the local ones that missed it."""
        for depth, tier in enumerate(tiers):
            try:
                entry = tier.get(content_hash)
            except TierError as error:
                logger.warning("The %s tier missed clip %s: %s", tier.name, content_hash, error)
                continue
            if entry is not None and is_wanted(entry):
                missed = self.local[:depth] if refill is None else refill
                if missed:
                    self._put(entry, missed)
                return Hit(entry, tier.name)
        return None

    def _read(self, clip: Clip) -> Hit | None:
        """From the permanent tier that the record names. Refills every local tier."""
        for tier in self.permanents:
            if clip.is_ready and clip.stored_in == tier.name:
                try:
                    with as_tier_error():
                        entry = tier.read(clip)
                except TierError as error:
                    logger.warning("The %s tier missed clip %s: %s", tier.name, clip.content_hash, error)
                    return None
                if entry is None:  # damaged, or moved meanwhile: the record as it is now tells which
                    return self._find(clip.content_hash, self.all)
                self._put(entry, self.local)
                return Hit(entry, tier.name)
        return None

    # --- storing ------------------------------------------------------------------------------------------
    def store_permanently(self, entry: Entry) -> bool:
        """In the permanent tier; while that is away, in the other one, where it is found as well."""
        return any(self._put(entry, [tier]) for tier in self.permanents)

    def store_locally(self, entry: Entry) -> Entry:
        """On this host, marked as published where it is."""
        try:
            pins = Pin.objects.published().filter(content_hash=entry.content_hash)
            entry = replace(entry, is_published=pins.exists())
        except Error:
            logger.warning("Whether clip %s is published is not known for now.", entry.content_hash)
        self._put(entry, self.local)
        return entry

    def store_locally_at_least(self, entry: Entry) -> Entry:
        """Raises NotKept where no tier takes it: then nobody may take it for a clip that is there."""
        stored = self.store_locally(entry)
        if self.find_local(entry.content_hash) is None:
            raise NotKept
        return stored

    def forget(self, content_hashes: Iterable[str]) -> None:
        """On this host: clips that were removed, or that have no record."""
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
        """Whether none of them failed."""
        if entry.content_type == ContentType.RESPONSE:
            return False  # a person's own words, adopted from elsewhere, are read where they are
        is_well = True
        for tier in tiers:
            try:
                tier.put(entry)
            except TierError as error:
                is_well = False
                logger.warning("The %s tier did not keep clip %s: %s", tier.name, entry.content_hash, error)
        return is_well
