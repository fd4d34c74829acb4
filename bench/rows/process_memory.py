"""Memory of a web process with the `openai` provider, beyond its memory tier; 130 MB are allowed.

It is measured after the start, while 20,000 requests hit stored clips, and while 300 generations fail, or
100,000 and 3,000 where this benchmark is named. They fail in each way that harness/worker_memory.py knows.
The tier is small and soon full, so what grows later is a leak.
Private memory is what the end of the process would free; resident memory also counts the code of libraries,
which all processes of the machine share.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.pace import repetitions
from bench.table import Judged, MeasuredRow, Target
from harness.openai_server import OpenAIServer
from harness.site import WebServer
from harness.worker_memory import (
    MEGABYTE,
    Failures,
    Hits,
    private_bytes,
    resident_bytes,
    settings,
    stored_clips,
)

ALLOWED_MEGABYTES = 130
CAUSE = (
    "Loaded libraries: the openai package alone takes 20 MB. 45 MB of the resident memory "
    "are shared by all processes."
)
TIER_BYTES = 2_000_000
ROUNDS = 5
SETTLED_SECONDS = 15  # after each round: until then the process has returned what the requests held


def measure() -> Iterator[MeasuredRow]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, OpenAIServer() as openai:
        given = settings(openai, tier_bytes=TIER_BYTES)
        with WebServer(Path(folder) / "var", given) as web:
            yield from _rows(web, openai)


def _rows(web: WebServer, openai: OpenAIServer) -> Iterator[MeasuredRow]:
    (pid,) = web.worker_pids()
    token = web.api_token()
    yield from _row("after the start", pid, [_measured(pid)])
    hit_count = repetitions(20_000, thorough=100_000)
    hits = Hits(web, token, stored_clips(web, token))
    found = []
    for _ in range(ROUNDS):
        hits.run(hit_count // ROUNDS)
        found.append(_measured(pid))
    yield from _row(f"{hit_count:,} hits", pid, found)
    failure_count = repetitions(300, thorough=3_000)
    failures = Failures(web, openai, token)
    found = []
    for _ in range(ROUNDS):
        failures.run(failure_count // ROUNDS)
        found.append(_measured(pid))
    yield from _row(f"{failure_count:,} failures", pid, found)
    assert web.worker_pids() == [pid], "the process was replaced meanwhile"


def _measured(pid: int) -> tuple[float, float]:
    time.sleep(SETTLED_SECONDS)
    found = tuple((read(pid) - TIER_BYTES) / MEGABYTE for read in (private_bytes, resident_bytes))
    print(f"  private {found[0]:.1f} MB, resident {found[1]:.1f} MB", file=sys.stderr, flush=True)
    return found[0], found[1]


def _row(name: str, pid: int, found: list[tuple[float, float]]) -> Iterator[MeasuredRow]:
    for kind, figures in zip(("private", "resident"), zip(*found, strict=True), strict=True):
        yield MeasuredRow(
            name=f"{name}, {kind}",
            ours=figures,
            unit="MB",
            target=Target(Judged.FIGURE, ALLOWED_MEGABYTES, cause=CAUSE),
            notes=f"{figures[0]:.0f} MB after the first round, {figures[-1]:.0f} MB after the last one",
        )
