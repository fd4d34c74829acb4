"""The Tier protocol, and Entry: a whole clip with its facts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

# The two sides of a tier, as folder names: clips that anyone may hear now, and all others.
PUBLIC, PRIVATE = "public", "private"


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A whole clip. `checksum` is the SHA-256 of its bytes, in hexadecimal.

    `is_published`: live or a system clip, which anyone may hear and cache. Check the pins before you serve
    any other clip. `made_ahead`: it was made before anybody asked for it.
    """

    content_hash: str
    audio: bytes
    audio_format: str
    checksum: str
    duration_ms: int
    content_type: str
    voice: str
    model: str
    characters: int
    loudness_dbfs: float | None = None
    waveform: bytes = b""
    is_published: bool = False
    made_ahead: bool = False

    @property
    def size(self) -> int:
        return len(self.audio)


def checksum_of(audio: bytes) -> str:
    return hashlib.sha256(audio).hexdigest()


def version_of(checksum: str) -> str:
    """The `?v=` of a clip's address, which names its bytes."""
    return checksum[:8]


class Tier(Protocol):
    """A place that stores clips. Failures raise TierError; a miss is None."""

    name: str

    def get(self, content_hash: str) -> Entry | None: ...

    def put(self, entry: Entry) -> None:
        """Store the entry whole, or fail and leave the earlier one untouched."""

    def delete(self, content_hash: str) -> None:
        """Delete the clip; do nothing if it is missing."""

    def entries(self) -> Iterator[tuple[str, int]]:
        """Yield every stored content hash with its size in bytes."""


def pages_of(tier: Tier, size: int) -> Iterator[list[str]]:
    """Yield the stored content hashes in lists of `size`. Raises TierError."""
    held = tier.entries()
    while page := [content_hash for content_hash, _ in islice(held, size)]:
        yield page


class LocalTier(Tier, Protocol):
    """A tier of this process or host. It stores which clips are published, so serving them needs no query."""

    def get_published(self, content_hash: str) -> Entry | None:
        """Return the clip if it is published. Reads no bytes of any other."""

    def has(self, content_hash: str) -> bool:
        """Whether the clip is here, good or damaged. Cheap: reads no bytes."""

    def set_published(self, content_hashes: frozenset[str]) -> None:
        """Mark exactly these clips as published, of those stored here."""
