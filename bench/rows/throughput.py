"""GET of a 60 kB clip held in memory; the baseline is Flask's send_file under the same gunicorn settings.

Both servers run all the time. One client loads them in turns and shares the machine's cores with them.
Requests per second depend on other work of the machine; the CPU seconds of the workers hardly do.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from runpy import run_path
from typing import Any

import psutil

from bench import clip
from bench.load import Load, load
from bench.product import inside
from bench.table import Row
from harness import http
from harness.process import HOST, PROJECT, ServerProcess, free_port, is_alive, is_listening
from harness.site import WebServer
from harness.waiting import wait_until

REPETITIONS = 8
SECONDS = 1.25
CONNECTIONS = 16
WARM_UP_SECONDS = 1.5
OUR_HEADERS = "detail=memory"  # checks that every answer is a hit from memory


def measure() -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, WebServer(Path(folder) / "var") as web:
        content_hash = inside(web.environment(), clip.keep_published)
        path = f"/api/audio/{content_hash}.mp3"
        flask = _flask(Path(folder), content_hash, inside(web.environment(), gunicorn_settings))
        with flask as (flask_url, flask_pids):
            ours = Side(f"{web.url}{path}", web.worker_pids, OUR_HEADERS)
            theirs = Side(f"{flask_url}{path}", flask_pids)
            for _ in range(REPETITIONS):
                ours.run()
                theirs.run()
            yield from _rows(ours, theirs)


def gunicorn_settings() -> dict[str, Any]:
    """In the product: the settings of gunicorn.conf.py, without the address and the hooks."""
    said = run_path(str(PROJECT / "lifereview" / "gunicorn.conf.py"))
    plain = (int, str, float, type(None))
    return {
        name: value
        for name, value in said.items()
        if not name.startswith("_") and name != "bind" and isinstance(value, plain)
    }


class Side:
    """One of the two servers, with its measurements so far."""

    def __init__(self, url: str, pids: Callable[[], Sequence[int]], in_head: str = "") -> None:
        self.loads: list[Load] = []
        self.cpu_microseconds: list[float] = []  # of the workers, per request
        self._url = url
        self._workers = [psutil.Process(pid) for pid in pids()]
        self._in_head = in_head
        # Enough connections to reach every worker, so that each has the clip in memory afterwards.
        load(url, clip.audio(), connections=4 * CONNECTIONS, seconds=WARM_UP_SECONDS)

    def run(self) -> None:
        before = self._cpu_seconds()
        done = load(self._url, clip.audio(), connections=CONNECTIONS, seconds=SECONDS, in_head=self._in_head)
        self.cpu_microseconds.append((self._cpu_seconds() - before) / done.requests * 1e6)
        self.loads.append(done)

    @property
    def requests_per_second(self) -> list[float]:
        return [done.requests_per_second for done in self.loads]

    def _cpu_seconds(self) -> float:
        times = [worker.cpu_times() for worker in self._workers]
        return sum(each.user + each.system for each in times)


def _rows(ours: Side, theirs: Side) -> Iterator[Row]:
    checked = sum(done.requests for done in ours.loads)
    yield Row(
        name="throughput",
        ours=ours.requests_per_second,
        baseline=theirs.requests_per_second,
        unit="requests/s",
        is_more_better=True,
        notes=f"{CONNECTIONS} connections; of ours {checked:,} answers checked",
    )
    yield Row(
        name="CPU of the workers",
        ours=ours.cpu_microseconds,
        baseline=theirs.cpu_microseconds,
        unit="us per request",
    )
    for name, latency in (("latency, median", "median_ms"), ("latency, p99", "p99_ms")):
        yield Row(
            name=name,
            ours=[getattr(done, latency) for done in ours.loads],
            baseline=[getattr(done, latency) for done in theirs.loads],
            unit="ms",
        )


@contextmanager
def _flask(
    folder: Path, content_hash: str, settings: Mapping[str, Any]
) -> Iterator[tuple[str, Callable[[], Sequence[int]]]]:
    """Start Flask; yields its address and a function that returns the pids of its workers."""
    port = free_port()
    (folder / f"{content_hash}.mp3").write_bytes(clip.audio())
    conf = folder / "gunicorn.conf.py"
    own = {"bind": f"{HOST}:{port}", **settings}
    conf.write_text("".join(f"{name} = {value!r}\n" for name, value in own.items()))
    server = ServerProcess(
        [sys.executable, "-m", "gunicorn", "-c", conf, "bench.flask_app:app"],
        log=folder / "flask.log",
        env={"PATH": os.environ["PATH"], "BENCH_CLIPS": str(folder)},
    )
    try:
        server.wait_until_ready(lambda: is_listening(port))
        url = f"http://{HOST}:{port}"
        wait_until(lambda: http.get(f"{url}/").status == 404, "Flask's workers")
        yield url, lambda: [each.pid for each in psutil.Process(server.pid).children() if is_alive(each)]
    finally:
        server.kill()
