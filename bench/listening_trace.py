"""listening_trace(): a seeded trace of the clips that a site's listeners request, in order."""

from __future__ import annotations

import heapq
import random
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, count

CLIPS_OF_A_JOURNEY = 34
BYTES_A_SECOND = 16_000  # MP3 at 128 kbit/s
SHORTEST_SECONDS, LONGEST_SECONDS = 2.0, 40.0
ANSWER_SECONDS = 45.0  # the mean time that a listener takes for an answer
FIRST_REFLECTION, FIRST_ONE_OFF = 10**6, 10**9  # clips are numbers; below the first are narratives
HEARD_TWICE = 0.2  # of the reflections: a listener plays one again soon
ENDS_EARLY = 0.015  # after each clip


@dataclass(frozen=True, slots=True)
class RequestedBytes:
    """One request: a clip and its size."""

    clip: int
    size: int

    @property
    def is_narrative(self) -> bool:
        return self.clip < FIRST_REFLECTION


@dataclass(frozen=True, kw_only=True, slots=True)
class Listeners:
    """The people of a trace.

    `skew` is the exponent of Zipf's law, by which they choose a journey and a voice: 0 is evenly. `answers`
    is the share of clips that are followed by a reflection, `from_bank` the share of these that come from a
    bank of `bank` reusable ones; nobody else ever hears the others.
    """

    sessions: int = 1_500
    at_once: int = 25
    journeys: int = 12
    voices: int = 6
    skew: float = 0.9
    answers: float = 0.3
    from_bank: float = 0.3
    bank: int = 300


def listening_trace(given: Listeners, seed: int) -> list[RequestedBytes]:
    """The requests of all sessions, in the order of their times."""
    chance = random.Random(seed)
    sizes: dict[int, int] = {}
    fresh = count(FIRST_ONE_OFF)  # numbers of clips that only one listener hears
    starts = [0.0] * given.at_once
    heapq.heapify(starts)
    requests: list[tuple[float, int]] = []
    for _ in range(given.sessions):
        # As many sessions at once as given: the next one begins some time after one has ended.
        begin = heapq.heappop(starts) + chance.expovariate(1 / 120)
        end = begin
        for at, clip in _session(given, chance, fresh, begin, sizes):
            requests.append((at, clip))
            end = at
        heapq.heappush(starts, end)
    requests.sort()
    return [RequestedBytes(clip, sizes[clip]) for _, clip in requests]


def _session(
    given: Listeners, chance: random.Random, fresh: Iterator[int], at: float, sizes: dict[int, int]
) -> Iterator[tuple[float, int]]:
    """One listener's requests: a journey in order in one voice, with reflections between its clips."""
    journey, voice = _zipf(chance, given.journeys, given.skew), _zipf(chance, given.voices, given.skew)
    first = (journey * given.voices + voice) * CLIPS_OF_A_JOURNEY
    for clip in range(first, first + CLIPS_OF_A_JOURNEY):
        at += yield from _played(chance, at, clip, sizes)
        if chance.random() < given.answers:
            is_from_bank = chance.random() < given.from_bank
            chosen = voice * given.bank + _zipf(chance, given.bank, given.skew)
            reflection = FIRST_REFLECTION + chosen if is_from_bank else next(fresh)
            at += yield from _played(chance, at, reflection, sizes)
            if chance.random() < HEARD_TWICE:
                at += yield from _played(chance, at, reflection, sizes)
        if chance.random() < ENDS_EARLY:
            return


def _played(
    chance: random.Random, at: float, clip: int, sizes: dict[int, int]
) -> Generator[tuple[float, int], None, float]:
    """Yield the request of one clip; returns the seconds until the listener's next one."""
    seconds = min(max(chance.lognormvariate(2.4, 0.6), SHORTEST_SECONDS), LONGEST_SECONDS)  # median 11 s
    size = sizes.setdefault(clip, round(seconds * BYTES_A_SECOND))
    yield at, clip
    return size / BYTES_A_SECOND + chance.expovariate(1 / ANSWER_SECONDS)


def _zipf(chance: random.Random, numbers: int, skew: float) -> int:
    """A number below `numbers`; the one of rank n comes up in proportion to 1 / n ** skew."""
    return chance.choices(range(numbers), cum_weights=_weights(numbers, skew))[0]


@cache
def _weights(numbers: int, skew: float) -> list[float]:
    return list(accumulate(rank**-skew for rank in range(1, numbers + 1)))
