"""Byte hit ratio of the memory tier at 10% of a trace's bytes; the limit is Belady's optimum for bytes.

The traces are those of listening_trace.py: journeys in order, mixed with reflections that one person hears.
The optimum knows the future and may keep parts of clips, so it is an upper bound (policies.py). The notes
name the best fixed choice of clips, which also takes hindsight: without knowing who plays what next, hardly
any policy does better.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bench.listening_trace import Listeners, RequestedBytes, listening_trace
from bench.policies import (
    LeastRecentlyUsed,
    Policy,
    S3Fifo,
    Sieve,
    WindowedTinyLfu,
    belady_hit_bytes,
    hit_bytes,
)
from bench.product import inside
from bench.table import Judged, MeasuredRow, Target
from harness.site import Site

SEEDS = (1, 2, 3)
SHARE = 0.1
SITES: Mapping[str, Listeners] = {
    "3 journeys, 2 voices": Listeners(journeys=3, voices=2),
    "6 journeys, 2 voices": Listeners(journeys=6, voices=2),
    "12 journeys, 6 voices": Listeners(journeys=12, voices=6),
}
POLICIES: Mapping[str, type[Policy]] = {
    "LRU": LeastRecentlyUsed,
    "SIEVE": Sieve,
    "S3-FIFO": S3Fifo,
    "W-TinyLFU": WindowedTinyLfu,
}


def measure() -> Iterator[MeasuredRow]:
    for site, listeners in SITES.items():
        traces = [listening_trace(listeners, seed) for seed in SEEDS]
        capacities = [round(SHARE * footprint(trace)) for trace in traces]
        bounds = list(zip(traces, capacities, strict=True))
        best = [_share(belady_hit_bytes(trace, capacity), trace) for trace, capacity in bounds]
        fixed = [_share(fixed_hit_bytes(trace, capacity), trace) for trace, capacity in bounds]
        narratives = _narrative_bytes(traces[0]) / capacities[0]
        about = f"narratives are {narratives:.1f} of the tier; the best fixed choice has {min(fixed):.2f}"
        target = Target(Judged.TO_LIMIT, 0.9, cause=f"The {about}.")
        of_tier = [_of_tier(*each) for each in bounds]
        yield _row(site, "the memory tier", of_tier, best, notes=about, target=target)
        for name, policy in POLICIES.items():
            ours = [_share(hit_bytes(policy(capacity), trace), trace) for trace, capacity in bounds]
            yield _row(site, name, ours, best)


def footprint(trace: Sequence[RequestedBytes]) -> int:
    return sum({each.clip: each.size for each in trace}.values())


def fixed_hit_bytes(trace: Sequence[RequestedBytes], capacity: int) -> int:
    """The bytes that the most requested clips serve if they, and no others, are kept all the time."""
    requests = Counter(each.clip for each in trace)
    sizes = {each.clip: each.size for each in trace}
    served = used = 0
    for clip, count in requests.most_common():
        if used + sizes[clip] <= capacity:
            used += sizes[clip]
            served += (count - 1) * sizes[clip]
    return served


def hits_of_tier(*, file: str, capacity: int) -> int:
    """In the product: the bytes that its memory tier serves of a trace, a file of pairs of clip and size."""
    from functools import cache

    from ttscache.tiers import Entry
    from ttscache.tiers.memory import MemoryTier

    @cache
    def silence(kilobytes: int) -> bytes:
        return bytes(
            kilobytes * 1_000
        )  # shared by all clips of this size, so that the test itself stays small

    def entry_of(clip: int, size: int) -> Entry:
        return Entry(
            content_hash=f"{clip:032x}",
            audio=silence(round(size / 1_000)),
            audio_format="mp3",
            checksum="",
            duration_ms=0,
            content_type="narrative",
            voice="nova",
            model="tts-1-hd",
            characters=0,
        )

    tier = MemoryTier(capacity)
    served = 0
    for clip, size in json.loads(Path(file).read_text()):
        if tier.get(f"{clip:032x}") is not None:
            served += size
        else:
            tier.put(entry_of(clip, size))
    return served


def _of_tier(trace: Sequence[RequestedBytes], capacity: int) -> float:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        environment = Site(Path(folder) / "var").environment()
        given = Path(folder) / "trace.json"
        given.write_text(json.dumps([(each.clip, each.size) for each in trace]))
        served: int = inside(environment, hits_of_tier, file=str(given), capacity=capacity)
    return _share(served, trace)


def _narrative_bytes(trace: Sequence[RequestedBytes]) -> int:
    return sum({each.clip: each.size for each in trace if each.is_narrative}.values())


def _share(served: int, trace: Sequence[RequestedBytes]) -> float:
    return served / sum(each.size for each in trace)


def _row(
    site: str,
    name: str,
    ours: list[float],
    best: list[float],
    *,
    notes: str = "",
    target: Target | None = None,
) -> MeasuredRow:
    return MeasuredRow(
        name=f"{site}: {name}",
        ours=ours,
        limit=best,
        unit="of the bytes",
        is_more_better=True,
        target=target,
        notes=notes,
    )
