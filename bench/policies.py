"""Policies of a cache that is bounded in bytes, written plainly, to compare them on one trace.

Each has `request(clip, size)`, which says whether the clip was there and keeps it if it was not. None of them
stores any bytes. `belady_hit_bytes` is the limit of all of them.
"""

from __future__ import annotations

import heapq
import math
from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Protocol

from bench.listening_trace import RequestedBytes


class Policy(Protocol):
    def __init__(self, capacity: int) -> None: ...

    def request(self, clip: int, size: int) -> bool: ...


def hit_bytes(policy: Policy, trace: Sequence[RequestedBytes]) -> int:
    return sum(each.size for each in trace if policy.request(each.clip, each.size))


def belady_hit_bytes(trace: Sequence[RequestedBytes], capacity: int) -> int:
    """The most bytes that any policy can serve, even one that knows the future.

    Belady's MIN (IBM Systems Journal 5(2), 1966) on single bytes, which all have one size: it drops the bytes
    that are needed last, and takes none that are needed later still. It may keep a part of a clip, which a
    policy of whole clips cannot, so it is an upper bound; the best for whole clips is below it by less than
    one clip at a time. Finding that is NP-hard (Chrobak et al., Algorithmica 2012).
    """
    needed_next = [math.inf] * len(trace)
    last: dict[int, int] = {}
    for number in range(len(trace) - 1, -1, -1):
        needed_next[number] = last.get(trace[number].clip, math.inf)
        last[trace[number].clip] = number
    held: dict[int, int] = {}  # bytes by clip
    due: dict[int, float] = {}
    furthest: list[tuple[float, int]] = []  # with the clips that are needed last on top
    used = hits = 0
    for each, again in zip(trace, needed_next, strict=True):
        had = held.pop(each.clip, 0)
        hits += had
        used -= had
        if again == math.inf:
            continue
        while used + each.size > capacity:
            when, clip = -furthest[0][0], furthest[0][1]
            if clip not in held or due[clip] != when:
                heapq.heappop(furthest)  # it was dropped or requested since
            elif when < again:
                break
            else:
                dropped = min(held[clip], used + each.size - capacity)
                used -= dropped
                held[clip] -= dropped
                if not held[clip]:
                    del held[clip]
        kept = min(each.size, capacity - used)
        if kept > 0:
            held[each.clip], due[each.clip] = kept, again
            used += kept
            heapq.heappush(furthest, (-again, each.clip))
    return hits


class LeastRecentlyUsed:
    """LRU: drops the clip whose last request is the longest ago."""

    def __init__(self, capacity: int) -> None:
        self._capacity, self._used = capacity, 0
        self._clips: OrderedDict[int, int] = OrderedDict()

    def request(self, clip: int, size: int) -> bool:
        if clip in self._clips:
            self._clips.move_to_end(clip)
            return True
        if size <= self._capacity:
            while self._used + size > self._capacity:
                self._used -= self._clips.popitem(last=False)[1]
            self._clips[clip] = size
            self._used += size
        return False


class Sieve:
    """SIEVE (Zhang et al., NSDI 2024): a queue, and a hand that goes from old to new.

    The hand clears the mark of a clip that was requested since it last came by, and drops one without a mark.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity, self._used = capacity, 0
        self._clips: dict[int, int] = {}
        self._marked: set[int] = set()
        self._older: deque[int] = deque()  # the hand stands between the two; both have the oldest first
        self._newer: deque[int] = deque()

    def request(self, clip: int, size: int) -> bool:
        if clip in self._clips:
            self._marked.add(clip)
            return True
        if size <= self._capacity:
            while self._used + size > self._capacity:
                self._drop_one()
            self._clips[clip] = size
            self._newer.append(clip)
            self._used += size
        return False

    def _drop_one(self) -> None:
        while True:
            if not self._newer:
                self._older, self._newer = self._newer, self._older
            clip = self._newer.popleft()
            if clip not in self._marked:
                self._used -= self._clips.pop(clip)
                return
            self._marked.remove(clip)
            self._older.append(clip)


class S3Fifo:
    """S3-FIFO (Yang et al., SOSP 2023): new clips wait in a small queue; those requested there move on.

    The small queue has a tenth of the bytes. A ghost queue, as large as the main one, remembers what was
    dropped from it: if that comes back, it goes to the main queue at once.
    """

    SMALL = 0.1
    MOST = 3  # counts of requests
    MOVES_ON = 2  # so many requests in the small queue after the first

    def __init__(self, capacity: int) -> None:
        self._capacity, self._small_capacity = capacity, capacity * self.SMALL
        self._sizes: dict[int, int] = {}
        self._counts: dict[int, int] = {}
        self._small: deque[int] = deque()
        self._main: deque[int] = deque()
        self._ghosts: OrderedDict[int, int] = OrderedDict()
        self._small_used = self._main_used = self._ghost_used = 0

    def request(self, clip: int, size: int) -> bool:
        if clip in self._sizes:
            self._counts[clip] = min(self.MOST, self._counts[clip] + 1)
            return True
        if size > self._capacity:
            return False
        while self._small_used + self._main_used + size > self._capacity:
            if self._small_used > self._small_capacity or not self._main:
                self._drop_from_small()
            else:
                self._drop_from_main()
        self._sizes[clip], self._counts[clip] = size, 0
        if clip in self._ghosts:
            self._ghost_used -= self._ghosts.pop(clip)
            self._main.append(clip)
            self._main_used += size
        else:
            self._small.append(clip)
            self._small_used += size
        return False

    def _drop_from_small(self) -> None:
        while self._small:
            clip = self._small.popleft()
            size = self._sizes[clip]
            self._small_used -= size
            if self._counts[clip] < self.MOVES_ON:
                del self._sizes[clip], self._counts[clip]
                self._remember(clip, size)
                return
            self._counts[clip] = 0
            self._main.append(clip)
            self._main_used += size

    def _drop_from_main(self) -> None:
        while True:
            clip = self._main.popleft()
            if not self._counts[clip]:
                self._main_used -= self._sizes.pop(clip)
                del self._counts[clip]
                return
            self._counts[clip] -= 1
            self._main.append(clip)

    def _remember(self, clip: int, size: int) -> None:
        self._ghosts[clip] = size
        self._ghost_used += size
        while self._ghost_used > self._capacity - self._small_capacity:
            self._ghost_used -= self._ghosts.popitem(last=False)[1]


class S3FifoEager(S3Fifo):
    """S3-FIFO that moves a clip on after one further request, as the authors' library does for a file."""

    MOVES_ON = 1


class WindowedTinyLfu:
    """W-TinyLFU (Einziger et al., ACM TOS 2017), for sizes as in "Lightweight Robust Size Aware Cache
    Management" (ACM TOS 2022): a clip that leaves the window replaces the victims of the main part only if it
    is requested more often than all of them together.

    The counts are exact here and not a sketch, and are halved after ten requests for each clip held.
    """

    WINDOW, PROTECTED = 0.01, 0.8

    def __init__(self, capacity: int) -> None:
        self._window_capacity = capacity * self.WINDOW
        self._main_capacity = capacity - self._window_capacity
        self._window: OrderedDict[int, int] = OrderedDict()
        self._probation: OrderedDict[int, int] = OrderedDict()
        self._protected: OrderedDict[int, int] = OrderedDict()
        self._window_used = self._probation_used = self._protected_used = 0
        self._counts: dict[int, int] = {}
        self._counted = 0

    def request(self, clip: int, size: int) -> bool:
        self._count(clip)
        if clip in self._window:
            self._window.move_to_end(clip)
            return True
        if clip in self._protected:
            self._protected.move_to_end(clip)
            return True
        if clip in self._probation:
            self._promote(clip)
            return True
        self._window[clip] = size
        self._window_used += size
        while self._window_used > self._window_capacity:
            candidate, its_size = self._window.popitem(last=False)
            self._window_used -= its_size
            self._admit(candidate, its_size)
        return False

    def _admit(self, clip: int, size: int) -> None:
        need = self._probation_used + self._protected_used + size - self._main_capacity
        if size > self._main_capacity:
            return
        victims, freed, requests = [], 0, 0
        for source in (self._probation, self._protected):
            for victim, its_size in source.items():
                if freed >= need or requests >= self._counts.get(clip, 0):
                    break
                victims.append((source, victim))
                freed += its_size
                requests += self._counts.get(victim, 0)
        if freed < need or (victims and requests >= self._counts.get(clip, 0)):
            return
        for source, victim in victims:
            its_size = source.pop(victim)
            if source is self._probation:
                self._probation_used -= its_size
            else:
                self._protected_used -= its_size
        self._probation[clip] = size
        self._probation_used += size

    def _promote(self, clip: int) -> None:
        size = self._probation.pop(clip)
        self._probation_used -= size
        self._protected[clip] = size
        self._protected_used += size
        while self._protected_used > self._main_capacity * self.PROTECTED:
            demoted, its_size = self._protected.popitem(last=False)
            self._protected_used -= its_size
            self._probation[demoted] = its_size
            self._probation_used += its_size

    def _count(self, clip: int) -> None:
        self._counts[clip] = self._counts.get(clip, 0) + 1
        self._counted += 1
        held = len(self._window) + len(self._probation) + len(self._protected)
        if self._counted >= 10 * max(held, 100):
            self._counts = {each: count // 2 for each, count in self._counts.items() if count > 1}
            self._counted //= 2
