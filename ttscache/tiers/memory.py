"""MemoryTier: the clips that this process serves again and again.

It drops clips by S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023,
https://doi.org/10.1145/3600006.3613147), with bytes in place of numbers of clips. Most reflections are heard
once and must not push out the clips that everybody hears. bench/rows/memory_policy.py has the figures.
"""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ttscache.tiers import Entry

SMALL_SHARE = 0.1  # of the bytes: for clips that are new
MOVES_ON = 2  # a new clip that is requested so often again moves from the small queue to the main one
MOST_COUNTED = 3  # of a clip's requests; each of them spares it in the main queue once
MOST_GHOSTS = 10_000

_OVERHEAD_BYTES = 1_000  # an Entry, its strings and its places in the queues, measured generously


@dataclass(slots=True, eq=False)
class _Kept:
    entry: Entry
    size: int
    requests: int = 0  # since it came, or since a queue last spared it
    is_in_main: bool = False


class MemoryTier:
    """Limited in bytes. Thread-safe: writers share a lock, and readers need none.

    New clips wait in a small queue. Those that are requested there move on to the main queue, the others are
    dropped, and their hashes remembered as ghosts: one that comes back goes to the main queue at once.
    """

    name = "memory"

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._small_bytes = max_bytes * SMALL_SHARE
        self._clips: dict[str, _Kept] = {}
        # Hashes with the sizes of their clips, the oldest first. OrderedDict: taking the first key of a dict
        # slows down with every one that was taken before.
        self._small: OrderedDict[str, int] = OrderedDict()
        self._main: OrderedDict[str, int] = OrderedDict()
        self._ghosts: OrderedDict[str, int] = OrderedDict()
        self._small_used = self._main_used = self._ghost_used = 0
        self._writing = threading.Lock()

    # Every hit passes the next two, so they share no code: a call costs as much as all that they do.
    def get(self, content_hash: str) -> Entry | None:
        kept = self._clips.get(content_hash)
        if kept is None:
            return None
        kept.requests += 1  # two threads may count one request; an approximation will do
        return kept.entry

    def get_published(self, content_hash: str) -> Entry | None:
        kept = self._clips.get(content_hash)
        if kept is None or not (entry := kept.entry).is_published:
            return None
        kept.requests += 1
        return entry

    def put(self, entry: Entry) -> None:
        size = _size_of(entry)
        with self._writing:
            former = self._clips.get(entry.content_hash)
            if size > self._max_bytes:  # an older version must not answer instead
                self._remove(entry.content_hash)
            elif former is not None:
                self._replace(former, entry, size)
            else:
                self._make_room(size)
                self._add(_Kept(entry, size, is_in_main=self._forget_ghost(entry.content_hash)))

    def delete(self, content_hash: str) -> None:
        with self._writing:
            self._remove(content_hash)

    def entries(self) -> Iterator[tuple[str, int]]:
        for content_hash, kept in self._now():
            yield content_hash, kept.entry.size

    def has(self, content_hash: str) -> bool:
        return content_hash in self._clips

    def set_published(self, content_hashes: frozenset[str]) -> None:
        for content_hash, kept in self._now():
            entry = kept.entry
            if entry.is_published != (content_hash in content_hashes):
                marked = replace(entry, is_published=not entry.is_published)
                with self._writing:
                    # A clip that was put or deleted since we read this one must not be undone.
                    if kept.entry is entry:
                        kept.entry = marked

    def __len__(self) -> int:
        return len(self._clips)

    def _now(self) -> list[tuple[str, _Kept]]:
        with self._writing:
            return list(self._clips.items())

    # --- the queues; call these with the lock -------------------------------------------------------------
    def _add(self, kept: _Kept) -> None:
        content_hash = kept.entry.content_hash
        self._clips[content_hash] = kept
        if kept.is_in_main:
            self._main[content_hash] = kept.size
            self._main_used += kept.size
        else:
            self._small[content_hash] = kept.size
            self._small_used += kept.size

    def _remove(self, content_hash: str) -> _Kept | None:
        kept = self._clips.pop(content_hash, None)
        if kept is not None:
            if kept.is_in_main:
                self._main_used -= self._main.pop(content_hash)
            else:
                self._small_used -= self._small.pop(content_hash)
        return kept

    def _replace(self, kept: _Kept, entry: Entry, size: int) -> None:
        """Put new bytes in the place of the old ones. If they need more room, others leave, or this one."""
        kept.entry = entry
        queue = self._main if kept.is_in_main else self._small
        queue[entry.content_hash] = size
        if kept.is_in_main:
            self._main_used += size - kept.size
        else:
            self._small_used += size - kept.size
        kept.size = size
        self._make_room(0)

    def _make_room(self, size: int) -> None:
        while self._small_used + self._main_used + size > self._max_bytes:
            if self._small_used > self._small_bytes or not self._main:
                self._drop_from_small()
            else:
                self._drop_from_main()

    def _drop_from_small(self) -> None:
        """Drop the oldest clip that was hardly requested; those before it move on."""
        while self._small:
            content_hash = next(iter(self._small))
            kept = self._clips[content_hash]
            if kept.requests < MOVES_ON:
                self._remove(content_hash)
                self._remember_ghost(content_hash, kept.size)
                return
            self._small_used -= self._small.pop(content_hash)
            kept.requests, kept.is_in_main = 0, True
            self._main[content_hash] = kept.size
            self._main_used += kept.size

    def _drop_from_main(self) -> None:
        """Drop the oldest clip that was not requested; those before it are spared once for each request."""
        while True:
            content_hash = next(iter(self._main))
            kept = self._clips[content_hash]
            if not kept.requests:
                self._remove(content_hash)
                return
            kept.requests = min(kept.requests, MOST_COUNTED) - 1
            self._main.move_to_end(content_hash)

    def _remember_ghost(self, content_hash: str, size: int) -> None:
        self._ghosts[content_hash] = size
        self._ghost_used += size
        while self._ghost_used > self._max_bytes - self._small_bytes or len(self._ghosts) > MOST_GHOSTS:
            self._ghost_used -= self._ghosts.popitem(last=False)[1]

    def _forget_ghost(self, content_hash: str) -> bool:
        """Whether it was one."""
        size = self._ghosts.pop(content_hash, None)
        self._ghost_used -= size or 0
        return size is not None


def _size_of(entry: Entry) -> int:
    return sys.getsizeof(entry.content_hash) + entry.size + len(entry.waveform) + _OVERHEAD_BYTES
