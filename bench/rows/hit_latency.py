"""A hit in process, one 60 kB clip, by tier; the baseline is Path.read_bytes of a warm file with those bytes.

`get` asks only the tier. `find` asks SpeechCache while only this tier and the slower ones hold the clip, so
it misses in the faster ones and refills them. Each call is timed alone, including the cost of the clock
(about 0.05 us). The database connection is already open. The targets are about medians of `find`.
"""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from bench import clip
from bench.pace import repetitions
from bench.product import inside
from bench.table import Judged, MeasuredRow, Target, rounded
from harness.postgres import PostgresServer
from harness.site import Site

CALLS = {"memory": 3_000, "file": 400, "database": 150}  # of one round
BASELINE_CALLS = 1_000
MOST_MICROSECONDS = {"memory find": 20, "file find": 150, "database find (PostgreSQL)": 2_000}
CAUSES = {
    "database find": (
        "PostgreSQL takes about half of it, and putting the clip into the local files about a third."
    )
}


def measure() -> Iterator[MeasuredRow]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        yield from _rows(Path(folder), {}, tiers=["memory", "file", "database"], database="SQLite")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, PostgresServer() as postgres:
        given = {"DATABASE_URL": postgres.create_database()}
        yield from _rows(Path(folder), given, tiers=["database"], database="PostgreSQL")


def _rows(folder: Path, given: dict[str, str], *, tiers: list[str], database: str) -> Iterator[MeasuredRow]:
    environment = Site(folder / "var", given).environment()
    timed = inside(environment, time_tiers, folder=str(folder), tiers=tiers, rounds=repetitions(5, quick=3))
    baseline = timed.pop("baseline")
    for name, found in timed.items():
        where = f" ({database})" if name.startswith("database") else ""
        bound = MOST_MICROSECONDS.get(f"{name}{where}")
        p99, of_baseline = rounded(found["p99"]), rounded(baseline["p99"])
        yield MeasuredRow(
            name=f"{name}{where}",
            ours=found["medians"],
            baseline=baseline["medians"],
            unit="us",
            target=Target(Judged.FIGURE, bound, cause=CAUSES.get(name, "")) if bound else None,
            notes=f"p99 {p99} against {of_baseline} us, {rounded(found['p99'] / baseline['p99'])}",
        )


def time_tiers(*, folder: str, tiers: list[str], rounds: int) -> dict[str, Any]:
    """In the product: the median of each round and the 99th percentile of all calls, in microseconds."""
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    content_hash = clip.keep_published()
    file = Path(folder) / "baseline.mp3"
    file.write_bytes(clip.mp3())
    cases = [TimedCall("baseline", BASELINE_CALLS, file.read_bytes)]
    for tier in tiers:
        cases += _cases_of(tier, content_hash)
    for _ in range(rounds):
        for case in cases:
            case.run_a_round()
    return {case.name: {"medians": case.medians, "p99": quantiles(case.all, n=100)[98]} for case in cases}


class TimedCall:
    """A function that is called repeatedly. `before` runs before each call and is not timed."""

    def __init__(
        self, name: str, calls: int, call: Callable[[], object], before: Callable[[], object] | None = None
    ) -> None:
        self.name = name
        self.medians: list[float] = []
        self.all: list[float] = []
        self._calls = calls
        self._call = call
        self._before = before

    def run_a_round(self) -> None:
        took = []
        gc.collect()
        for _ in range(self._calls):
            if self._before is not None:
                self._before()
            began = time.perf_counter_ns()
            self._call()
            took.append((time.perf_counter_ns() - began) / 1_000)
        self.medians.append(median(took))
        self.all += took


def _cases_of(name: str, content_hash: str) -> list[TimedCall]:
    from ttscache.wiring import speech_cache

    cache = speech_cache()
    depth = [tier.name for tier in cache.tiers.all].index(name)
    tier, faster = cache.tiers.all[depth], cache.tiers.all[:depth]

    def get() -> None:
        assert tier.get(content_hash) is not None

    def find() -> None:
        hit = cache.find(content_hash)
        assert hit is not None
        assert hit.tier == name

    def empty_the_faster() -> None:
        for one in faster:
            one.delete(content_hash)

    before = empty_the_faster if faster else None
    return [TimedCall(f"{name} get", CALLS[name], get), TimedCall(f"{name} find", CALLS[name], find, before)]
