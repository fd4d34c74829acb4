"""MemoryTier: the clips that this process served lately."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from dataclasses import replace

from cachebox import LRUCache

from ttscache.tiers import Entry

_OVERHEAD_BYTES = 1_000  # an Entry, its strings and its place in the table, measured generously


class MemoryTier:
    """Limited in bytes; drops the least recently used clips. Thread-safe."""

    name = "memory"

    def __init__(self, max_bytes: int) -> None:
        self._clips: LRUCache[str, Entry] = LRUCache(max(1, max_bytes), getsizeof=_size_of)
        self._writing = threading.Lock()  # LRUCache is thread-safe, but compare and replace are two steps

    def get(self, content_hash: str) -> Entry | None:
        return self._clips.get(content_hash)

    def get_published(self, content_hash: str) -> Entry | None:
        entry = self._clips.get(content_hash)
        return entry if entry is not None and entry.is_published else None

    def put(self, entry: Entry) -> None:
        with self._writing:
            try:
                self._clips[entry.content_hash] = entry
            except OverflowError:  # larger than the whole tier; an older version must not answer instead
                self._clips.pop(entry.content_hash, None)

    def delete(self, content_hash: str) -> None:
        with self._writing:
            self._clips.pop(content_hash, None)

    def entries(self) -> Iterator[tuple[str, int]]:
        for content_hash, entry in list(self._clips.items()):
            yield content_hash, entry.size

    def has(self, content_hash: str) -> bool:
        return content_hash in self._clips

    def set_published(self, content_hashes: frozenset[str]) -> None:
        for content_hash, entry in list(self._clips.items()):
            if entry.is_published != (content_hash in content_hashes):
                marked = replace(entry, is_published=not entry.is_published)
                with self._writing:
                    # A clip that was put or deleted since we read this one must not be undone.
                    if self._clips.peek(content_hash) is entry:
                        self._clips[content_hash] = marked

    def __len__(self) -> int:
        return len(self._clips)


def _size_of(content_hash: str, entry: Entry) -> int:
    return sys.getsizeof(content_hash) + entry.size + len(entry.waveform) + _OVERHEAD_BYTES
