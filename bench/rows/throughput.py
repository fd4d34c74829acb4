"""A stored 60 kB clip by GET and by POST against the earlier design; the limit is plain nginx.

All servers run all the time, with the same gunicorn settings where they run under gunicorn. One client loads
them in turns and shares the machine's cores with them. Ours and the earlier design use one PostgreSQL. Our
POST has a token, which is checked, as is the text. Requests per second depend on other work of the machine;
the CPU seconds of the workers hardly do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack

import psutil

from bench import clip
from bench.baselines.servers import file_response, plain_nginx, rivals
from bench.load import Load, load
from bench.pace import repetitions
from bench.product import inside
from bench.table import Judged, MeasuredRow, Target
from harness import http

SECONDS = 1.0
CONNECTIONS = 16
WARM_UP_SECONDS = 1.0
OUR_HEADERS = "detail=memory"  # checks that every answer is a hit from memory
POST = {"text": clip.TEXT, "voice": "nova", "content_type": "question"}


def measure() -> Iterator[MeasuredRow]:
    with ExitStack() as stack:
        running = stack.enter_context(rivals())  # with a key, so the content hash is the earlier design's
        web, earlier = running.web, running.earlier
        content_hash = inside(web.environment(), clip.keep_published)
        headers = {"Authorization": f"Bearer {web.api_token()}"}
        clips = {content_hash: clip.mp3()}
        plain = stack.enter_context(file_response(web, clips))
        nginx = stack.enter_context(plain_nginx(clips))
        made = http.post_json(
            f"{earlier.url}/api/text-to-speech", POST
        ).body  # by the provider, so its own bytes
        path = f"/api/audio/{content_hash}.mp3"
        get = {
            "ours": LoadedServer(f"{web.url}{path}", web.worker_pids, clip.mp3(), in_head=OUR_HEADERS),
            "earlier": LoadedServer(f"{earlier.url}{path}", earlier.worker_pids, made),
            "FileResponse": LoadedServer(f"{plain.url}{path}", plain.worker_pids, clip.mp3()),
            "nginx": LoadedServer(f"{nginx.url}{path}", nginx.worker_pids, clip.mp3()),
        }
        speech = "/api/text-to-speech"
        post = {
            "ours": LoadedServer(
                f"{web.url}{speech}",
                web.worker_pids,
                clip.mp3(),
                in_head=OUR_HEADERS,
                headers=headers,
                post=POST,
            ),
            "earlier": LoadedServer(f"{earlier.url}{speech}", earlier.worker_pids, made, post=POST),
        }
        for _ in range(repetitions(7, quick=3)):
            for side in (*get.values(), *post.values()):
                side.run()
        yield from _rows_of_get(**get)
        yield from _rows_of_post(**post)


class LoadedServer:
    """One server under one kind of request, with its measurements so far."""

    def __init__(
        self,
        url: str,
        pids: Callable[[], Sequence[int]],
        body: bytes,
        *,
        in_head: str = "",
        headers: Mapping[str, str] | None = None,
        post: object = None,
    ) -> None:
        self.loads: list[Load] = []
        self.cpu_microseconds: list[float] = []  # of the workers, per request
        self._url, self._body, self._in_head, self._headers, self._post = url, body, in_head, headers, post
        self._workers = [psutil.Process(pid) for pid in pids()]
        # Enough connections to reach every worker, so that each has the clip in memory afterwards.
        self._load(connections=4 * CONNECTIONS, seconds=WARM_UP_SECONDS)

    def run(self) -> None:
        before = self._cpu_seconds()
        done = self._load(connections=CONNECTIONS, seconds=SECONDS, in_head=self._in_head)
        self.cpu_microseconds.append((self._cpu_seconds() - before) / done.requests * 1e6)
        self.loads.append(done)

    @property
    def requests_per_second(self) -> list[float]:
        return [done.requests_per_second for done in self.loads]

    def _load(self, *, connections: int, seconds: float, in_head: str = "") -> Load:
        return load(
            self._url,
            self._body,
            connections=connections,
            seconds=seconds,
            in_head=in_head,
            headers=self._headers,
            post=self._post,
        )

    def _cpu_seconds(self) -> float:
        times = [worker.cpu_times() for worker in self._workers]
        return sum(each.user + each.system for each in times)


def _rows_of_get(
    ours: LoadedServer, earlier: LoadedServer, nginx: LoadedServer, **others: LoadedServer
) -> Iterator[MeasuredRow]:
    checked = sum(done.requests for done in ours.loads)
    yield MeasuredRow(
        name="GET, earlier design",
        ours=ours.requests_per_second,
        baseline=earlier.requests_per_second,
        limit=nginx.requests_per_second,
        unit="requests/s",
        is_more_better=True,
        target=Target(Judged.RATIO, 1.0),
        notes=f"{CONNECTIONS} connections; of ours {checked:,} answers checked",
    )
    for name, other in others.items():
        yield MeasuredRow(
            name=f"GET, Django's {name}",
            ours=ours.requests_per_second,
            baseline=other.requests_per_second,
            limit=nginx.requests_per_second,
            unit="requests/s",
            is_more_better=True,
        )
    yield from _details("GET", ours, earlier)


def _rows_of_post(ours: LoadedServer, earlier: LoadedServer) -> Iterator[MeasuredRow]:
    yield MeasuredRow(
        name="POST, earlier design",
        ours=ours.requests_per_second,
        baseline=earlier.requests_per_second,
        unit="requests/s",
        is_more_better=True,
        target=Target(Judged.RATIO, 1.0),
        notes="a hit; ours with a token",
    )
    yield from _details("POST", ours, earlier)


def _details(method: str, ours: LoadedServer, earlier: LoadedServer) -> Iterator[MeasuredRow]:
    yield MeasuredRow(
        name=f"{method}, CPU of the workers",
        ours=ours.cpu_microseconds,
        baseline=earlier.cpu_microseconds,
        unit="us per request",
    )
    for name, latency in (("latency, median", "median_ms"), ("latency, p99", "p99_ms")):
        yield MeasuredRow(
            name=f"{method}, {name}",
            ours=[getattr(done, latency) for done in ours.loads],
            baseline=[getattr(done, latency) for done in earlier.loads],
            unit="ms",
        )
