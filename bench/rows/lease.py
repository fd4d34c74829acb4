"""The cost of a lease over all processes in a miss; the baseline is a miss with leases of this process.

A miss is timed from `SpeechCache.get_or_generate` until its clip is whole and stored in every tier. The voice
answers at once, so all of the time is ours: records, lease, check, tiers. Connections come from a pool, as in
a web process.
"""

from __future__ import annotations

import tempfile
import threading
import time
import uuid
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from bench import clip
from bench.product import inside
from bench.table import MeasuredRow, rounded
from harness.postgres import PostgresServer
from harness.site import Site

if TYPE_CHECKING:
    from ttscache.cache import SpeechCache
    from ttscache.coordination.leases import Leases
    from ttscache.speech import SpeechRequest

ROUNDS = 7
MISSES = 20  # of one round, of each kind


def measure() -> Iterator[MeasuredRow]:
    yield _row("SQLite", {})
    with PostgresServer() as postgres:
        yield _row("PostgreSQL", {"DATABASE_URL": postgres.create_database()})


def _row(database: str, given: dict[str, str]) -> MeasuredRow:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        environment = Site(Path(folder) / "var", given).environment() | {"LIFEREVIEW_PROCESS": "web"}
        took = inside(environment, misses, folder=folder)
    added = [ours - baseline for ours, baseline in zip(took["ours"], took["baseline"], strict=True)]
    return MeasuredRow(
        name=f"a miss ({database})",
        ours=took["ours"],
        baseline=took["baseline"],
        unit="ms",
        notes=f"the lease adds {rounded(median(added))} ms",
    )


def misses(*, folder: str) -> dict[str, Any]:
    """In the product: the median milliseconds of a miss in each round."""
    from django.core.management import call_command

    from ttscache.coordination.leases import Leases

    call_command("migrate", verbosity=0)
    ours, baseline = Leases(30), leases_of_one_process()
    caches = {
        "ours": cache_with(ours, Path(folder) / "ours"),
        "baseline": cache_with(baseline, Path(folder) / "baseline"),
    }
    for cache in caches.values():
        miss_ms(cache)  # the first miss imports libraries
    rounds = [_round(caches) for _ in range(ROUNDS)]
    ours.close()
    return {name: [each[name] for each in rounds] for name in caches}


def _round(caches: dict[str, SpeechCache]) -> dict[str, float]:
    took: dict[str, list[float]] = {name: [] for name in caches}
    for _ in range(MISSES):
        for name, cache in caches.items():
            took[name].append(miss_ms(cache))
    return {name: median(each) for name, each in took.items()}


def miss_ms(cache: SpeechCache) -> float:
    from ttscache.cache import ClipInTheMaking, GenerationJob
    from ttscache.renditions.current import request_for

    speech = replace(request_for(clip.TEXT, "nova"), instructions=uuid.uuid4().hex)
    began = time.perf_counter_ns()
    making = cache.get_or_generate(GenerationJob(speech, "question"))
    assert isinstance(making, ClipInTheMaking)
    making.recording.result()
    took = (time.perf_counter_ns() - began) / 1e6
    assert making.outcome == "generated"
    return took


def cache_with(leases: Leases, folder: Path) -> SpeechCache:
    """Build a cache like wiring.py, except the voice, the leases and the place of the files."""
    from ttscache.accounting.ledger import Ledger
    from ttscache.cache import SpeechCache
    from ttscache.generation.synthesizer import Synthesizer
    from ttscache.tiers.chain import TierChain
    from ttscache.tiers.database import DatabaseTier
    from ttscache.tiers.files import FileTier
    from ttscache.tiers.memory import MemoryTier

    ledger = Ledger(lambda _: 0.0)
    return SpeechCache(
        tiers=TierChain(
            local=[MemoryTier(100_000_000), FileTier(folder, 1_000_000_000)], permanent=DatabaseTier()
        ),
        synthesizer=Synthesizer(InstantVoice(), ledger),
        leases=leases,
        ledger=ledger,
    )


class InstantVoice:
    """A provider that has its clip ready."""

    name = "instant"

    def __init__(self) -> None:
        self._audio = clip.mp3()

    def can_speak(self, request: SpeechRequest) -> bool:
        return True

    def parts(self, request: SpeechRequest) -> list[SpeechRequest]:
        return [request]

    def streams(self, request: SpeechRequest) -> bool:
        return True

    def is_well(self) -> bool:
        return True

    def preload(self) -> None:
        """Do nothing: there is nothing to load."""

    def speak(self, request: SpeechRequest) -> Generator[bytes, None, None]:
        yield self._audio


def leases_of_one_process() -> Leases:
    """The leases that one process alone would need: names in a dict, under a lock."""
    from ttscache.coordination.leases import HeldLease, Leases
    from ttscache.models import Lease

    class LeasesOfOneProcess(Leases):
        def __init__(self) -> None:
            super().__init__(seconds=30)
            self._guard = threading.Lock()
            self._taken: dict[str, HeldLease] = {}

        def acquire_or_look(self, name: str, *, unless: Any = None) -> HeldLease | Lease:
            held = HeldLease(name, "us")
            with self._guard:
                return held if self._taken.setdefault(name, held) is held else Lease(name=name)

        def release(self, held: HeldLease, *, error: str = "", for_seconds: float = 0) -> None:
            with self._guard:
                self._taken.pop(held.name, None)

        def is_held(self, held: HeldLease) -> bool:
            return held.name in self._taken

        def holder(self, name: str) -> Lease | None:
            raise NotImplementedError("nobody follows here")

    return LeasesOfOneProcess()
