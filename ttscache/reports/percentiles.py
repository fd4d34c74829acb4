"""Percentiles from counts by latency bucket.

Counts of the same buckets can be added over processes and hours; percentiles cannot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds. `is_at_least` marks the last bucket, which has no upper end."""

    ms: float
    is_at_least: bool = False

    def __str__(self) -> str:
        if self.is_at_least:
            return f"over {self.ms / 1000:g} s"
        if self.ms < 10:
            return f"{self.ms:.1f} ms"
        return f"{self.ms:.0f} ms" if self.ms < 1_000 else f"{self.ms / 1000:.1f} s"


def percentile(counts: Mapping[int, int], share: float, ends_ms: Sequence[int]) -> Latency | None:
    """The time within which this share (0 to 1) of requests was answered; None without requests.

    `counts` is by bucket. A bucket holds requests that took longer than the end of the previous one, up to
    its own end. They are assumed to lie evenly in it, so the result is exact to the bucket's width.
    """
    rank = share * sum(counts.values())
    if not rank:
        return None
    below = 0
    for bucket in sorted(counts):
        number = counts[bucket]
        if number and below + number >= rank:
            if bucket >= len(ends_ms):
                break
            start = ends_ms[bucket - 1] if bucket else 0
            return Latency(start + (ends_ms[bucket] - start) * (rank - below) / number)
        below += number
    return Latency(ends_ms[-1], is_at_least=True)
