"""The memory tier drops clips as S3-FIFO does, and stays below its bound under threads."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from harness.clips import entry
from ttscache.tiers.memory import MemoryTier, _size_of

pytestmark = pytest.mark.any_database

BOUND = 40_000
BASE = _size_of(entry("0" * 32, b""))  # a clip without a byte


@dataclass
class PlainS3Fifo:
    """S3-FIFO as its paper has it, with lists, and with bytes in place of numbers of clips."""

    bound: int
    sizes: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    small: list[str] = field(default_factory=list)
    main: list[str] = field(default_factory=list)
    ghosts: list[tuple[str, int]] = field(default_factory=list)

    def used(self, queue: list[str]) -> int:
        return sum(self.sizes[clip] for clip in queue)

    def get(self, clip: str) -> bool:
        if clip in self.sizes:
            self.counts[clip] = min(3, self.counts[clip] + 1)
        return clip in self.sizes

    def put(self, clip: str, size: int) -> None:
        if size > self.bound:
            self.delete(clip)
        elif clip in self.sizes:
            self.sizes[clip] = size
            self.make_room(0)
        else:
            self.make_room(size)
            is_ghost = clip in [ghost for ghost, _ in self.ghosts]
            self.ghosts = [each for each in self.ghosts if each[0] != clip]
            (self.main if is_ghost else self.small).append(clip)
            self.sizes[clip], self.counts[clip] = size, 0

    def delete(self, clip: str) -> None:
        if clip in self.sizes:
            (self.small if clip in self.small else self.main).remove(clip)
            del self.sizes[clip], self.counts[clip]

    def make_room(self, size: int) -> None:
        while self.used(self.small) + self.used(self.main) + size > self.bound:
            if self.used(self.small) > self.bound * 0.1 or not self.main:
                self.drop_from_small()
            else:
                self.drop_from_main()

    def drop_from_small(self) -> None:
        while self.small:
            clip = self.small[0]
            if self.counts[clip] < 2:
                self.ghosts.append((clip, self.sizes[clip]))
                self.delete(clip)
                while sum(size for _, size in self.ghosts) > self.bound * 0.9:
                    del self.ghosts[0]
                return
            self.main.append(self.small.pop(0))
            self.counts[clip] = 0

    def drop_from_main(self) -> None:
        while self.counts[self.main[0]]:
            self.counts[self.main[0]] -= 1
            self.main.append(self.main.pop(0))
        self.delete(self.main[0])


clips = some.sampled_from([f"{number:032}" for number in range(12)])
bodies = some.sampled_from([0, 1_000, 5_000, 9_000, 38_000, 50_000])
steps = some.lists(
    some.one_of(
        some.tuples(some.just("hear"), clips, bodies),
        some.tuples(some.just("put"), clips, bodies),
        some.tuples(some.just("delete"), clips, some.just(0)),
    ),
    max_size=80,
)


@given(steps)
@settings(max_examples=150, deadline=None)
def test_the_memory_tier_holds_the_clips_that_plain_s3_fifo_would_hold(
    steps: list[tuple[str, str, int]],
) -> None:
    tier, plain = MemoryTier(BOUND), PlainS3Fifo(BOUND)
    for act, clip, size in steps:
        if act == "delete":
            tier.delete(clip)
            plain.delete(clip)
            continue
        if act == "hear":
            found = tier.get(clip)
            assert (found is not None) == plain.get(clip)
            if found is not None:
                continue
        tier.put(entry(clip, bytes(size)))
        plain.put(clip, BASE + size)
        assert dict(tier.entries()) == {each: held - BASE for each, held in plain.sizes.items()}


def test_the_memory_tier_stays_below_its_bound_and_answers_rightly_under_threads() -> None:
    tier = MemoryTier(200_000)
    sounds = {f"{number:032}": bytes([number]) * (3_000 + 100 * number) for number in range(100)}

    def use(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(2_000):
            clip = chance.choice(list(sounds))
            found = tier.get(clip)
            if found is None:
                tier.put(entry(clip, sounds[clip], checksum="", is_published=chance.random() < 0.5))
            else:
                assert found.audio == sounds[clip]
            if chance.random() < 0.02:
                tier.delete(clip)
            if chance.random() < 0.01:
                tier.set_published(frozenset(chance.sample(list(sounds), 50)))
            assert sum(size + BASE for _, size in tier.entries()) <= 200_000

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(use, range(8)))
    # All room is free again, so nothing was counted twice or forgotten.
    for clip in sounds:
        tier.delete(clip)
    tier.put(entry("f" * 32, bytes(200_000 - BASE)))
    assert tier.has("f" * 32)
