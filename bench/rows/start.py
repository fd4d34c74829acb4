"""`make run` once everything is installed, until it answers: on an empty folder, and again; 4 s are allowed.

The first start creates the tables and loads the default journey. The baseline is the bare gunicorn of the
earlier design, which prepares nothing.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import NamedTuple

import psutil

from bench.baselines.servers import earlier_service
from bench.table import Judged, MeasuredRow, Target, rounded
from harness.postgres import PostgresServer
from harness.site import Site, WebServer

MOST_SECONDS = 4
CAUSE = (
    "Two process trees load all libraries on two cores; the notes give their CPU. "
    "The first start also makes the tables, the journey and the static files."
)
REPETITIONS = 3


class MadeSite(Site):
    """`make run`. The installation counts as done, whatever the dates of the files in it are."""

    start_seconds = 180

    def command(self) -> list[str]:
        return ["make", "--old-file=.venv/.installed", "run"]


class Started(NamedTuple):
    """Seconds until the site answered, and the CPU seconds of all its processes until then."""

    seconds: float
    cpu_seconds: float


def measure() -> Iterator[MeasuredRow]:
    first: list[Started] = []
    again: list[Started] = []
    baseline: list[float] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, PostgresServer() as postgres:
        for turn in range(REPETITIONS):
            site = MadeSite(Path(folder) / f"var{turn}")
            for starts in (first, again):
                began = time.monotonic()
                with site:
                    seconds = time.monotonic() - began
                    starts.append(Started(seconds, sum(_cpu_seconds(each) for each in site.processes())))
                    site.stop()
                if left := site.survivors(within_seconds=10):
                    raise RuntimeError(f"still running: {left}")
            beside = WebServer(Path(folder) / "beside")
            with earlier_service(beside, postgres.create_database()) as earlier:
                baseline.append(earlier.start_seconds)
    for name, starts in (("first start", first), ("start again", again)):
        yield MeasuredRow(
            name=name,
            ours=[each.seconds for each in starts],
            baseline=baseline,
            unit="s",
            target=Target(Judged.FIGURE, MOST_SECONDS, cause=CAUSE),
            notes=f"CPU of all processes {rounded(median(each.cpu_seconds for each in starts))} s",
        )


def _cpu_seconds(process: psutil.Process) -> float:
    """Return the CPU of this process and of those that it has waited for."""
    with suppress(psutil.Error):
        return float(sum(process.cpu_times()[:4]))
    return 0.0
