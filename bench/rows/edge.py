"""GET of a stored 60 kB clip behind nginx with deploy/nginx.conf, against plain nginx with the same file.

The plain one has the settings of Debian's package and no log. The client takes more time than either nginx,
so the CPU of the workers says more than the requests per second. In the last row the site has no folder for
nginx: every request passes nginx and is answered from the site's memory.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil

from bench import clip
from bench.baselines.servers import plain_nginx
from bench.load import load
from bench.pace import repetitions
from bench.product import inside
from bench.table import Judged, MeasuredRow, Target
from harness.nginx import NginxServer
from harness.process import HOST
from harness.site import WebServer
from harness.waiting import wait_until

SECONDS = 1.0
CONNECTIONS = 16
OF_THE_CLIP = "immutable"  # checks that nginx sent the headers of a published clip


def measure() -> Iterator[MeasuredRow]:
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    folder.chmod(0o755)  # nginx has workers of another user
    links = folder / "links"
    links.mkdir(mode=0o755)
    links.chmod(0o755)
    try:
        with WebServer(folder / "var", {"NGINX_CLIPS_DIR": str(links)}) as web:
            content_hash = inside(web.environment(), clip.keep_published)
            [link] = links.rglob("*.mp3")
            path = f"/api/audio/{content_hash}.mp3?v={link.stem}"
            site = [f"{HOST}:{web.port}"]
            with (
                NginxServer(site, clips_dir=links, clips_log=folder / "clips.log", log_at_once=False) as ours,
                NginxServer(site) as passing_on,
                plain_nginx({"clip": clip.mp3()}, workers=1, keeps_files_open=False) as plain,
            ):
                yield from _rows(
                    NginxSide(f"{ours.url}{path}", workers_of(ours), OF_THE_CLIP),
                    NginxSide(f"{plain.url}/api/audio/clip.mp3", plain.worker_pids),
                    NginxSide(f"{passing_on.url}{path}", workers_of(passing_on), OF_THE_CLIP),
                )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def workers_of(nginx: NginxServer) -> Callable[[], Sequence[int]]:
    return lambda: [worker.pid for worker in psutil.Process(nginx.pid).children()]


class NginxSide:
    """One address of one nginx, with its measurements so far."""

    def __init__(self, url: str, worker_pids: Callable[[], Sequence[int]], in_head: str = "") -> None:
        self.requests_per_second: list[float] = []
        self.cpu_microseconds: list[float] = []  # of nginx's workers, per request
        self._url, self._in_head = url, in_head
        self._workers = [psutil.Process(pid) for pid in wait_until(worker_pids, "the workers of nginx")]

    def run(self) -> None:
        before = self._cpu_seconds()
        done = load(self._url, clip.mp3(), connections=CONNECTIONS, seconds=SECONDS, in_head=self._in_head)
        self.cpu_microseconds.append((self._cpu_seconds() - before) / done.requests * 1e6)
        self.requests_per_second.append(done.requests_per_second)

    def _cpu_seconds(self) -> float:
        times = [worker.cpu_times() for worker in self._workers]
        return sum(each.user + each.system for each in times)


def _rows(ours: NginxSide, plain: NginxSide, passed_on: NginxSide) -> Iterator[MeasuredRow]:
    for _ in range(repetitions(8, quick=3)):
        for side in (ours, plain, passed_on):
            side.run()
    yield MeasuredRow(
        name="answered by nginx",
        ours=ours.requests_per_second,
        baseline=plain.requests_per_second,
        unit="requests/s",
        is_more_better=True,
        target=Target(Judged.RATIO, 0.9),
    )
    yield MeasuredRow(
        name="CPU of nginx",
        ours=ours.cpu_microseconds,
        baseline=plain.cpu_microseconds,
        unit="us per request",
    )
    yield MeasuredRow(
        name="passed on to the site",
        ours=passed_on.requests_per_second,
        baseline=plain.requests_per_second,
        unit="requests/s",
        is_more_better=True,
        notes="without NGINX_CLIPS_DIR",
    )
