"""The Tier protocol (four methods) and Entry: a whole clip, and what is known about it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

# The two sides of a tier, as names of folders: what anyone may hear now, and everything else.
PUBLIC, PRIVATE = "public", "private"


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A clip that was found whole. `checksum` is the SHA-256 of the bytes, in hex.

    `is_published`: live or a system clip, so anyone may hear it and keep it; what is not published needs a
    look at the pins first. `made_ahead`: it was made before anybody asked for it.
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


class Tier(Protocol):
    """A place that keeps clips. What it cannot do it raises as TierError; a miss is None."""

    name: str

    def get(self, content_hash: str) -> Entry | None: ...

    def put(self, entry: Entry) -> None:
        """Keep all of the entry, or nothing and leave what was there."""

    def delete(self, content_hash: str) -> None:
        """Forget it; silent when it is not there."""

    def entries(self) -> Iterator[tuple[str, int]]:
        """Every content hash held, with its size in bytes."""


def pages_of(tier: Tier, size: int) -> Iterator[list[str]]:
    """Every content hash held, so many at a time. Raises TierError."""
    held = tier.entries()
    while page := [content_hash for content_hash, _ in islice(held, size)]:
        yield page


class LocalTier(Tier, Protocol):
    """A tier of this process or host, which remembers by itself what is published."""

    def has(self, content_hash: str) -> bool:
        """Whether it is here, good or damaged. Cheap: the bytes are not read."""

    def set_published(self, content_hashes: frozenset[str]) -> None:
        """From now on exactly these are published, as far as they are held here."""
