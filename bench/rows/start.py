"""`make run` once everything is installed, until it answers: on an empty folder, and again; 4 s are allowed.

The first start creates the tables and loads the default journey. The baseline is the bare gunicorn of the
earlier design, which prepares nothing.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.baselines.servers import earlier_service
from bench.pace import repetitions
from bench.table import Judged, Row, Target
from harness.postgres import PostgresServer
from harness.site import Site, WebServer

MOST_SECONDS = 4


class MadeSite(Site):
    """`make run`. The installation counts as done, whatever the dates of the files in it are."""

    start_seconds = 180

    def command(self) -> list[str]:
        return ["make", "--old-file=.venv/.installed", "run"]


def measure() -> Iterator[Row]:
    first, again, baseline = [], [], []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, PostgresServer() as postgres:
        for turn in range(repetitions(3, 1)):
            site = MadeSite(Path(folder) / f"var{turn}")
            for took in (first, again):
                began = time.monotonic()
                with site:
                    took.append(time.monotonic() - began)
                    site.stop()
                if left := site.survivors(within_seconds=10):
                    raise RuntimeError(f"still running: {left}")
            beside = WebServer(Path(folder) / "beside")
            with earlier_service(beside, postgres.create_database()) as earlier:
                baseline.append(earlier.start_seconds)
    for name, took in (("first start", first), ("start again", again)):
        yield Row(
            name=name,
            ours=took,
            baseline=baseline,
            unit="s",
            target=Target(Judged.FIGURE, MOST_SECONDS),
        )
