"""Counting one hit; the baseline is the whole hit, a GET of a published 60 kB clip from memory.

CPU time of one thread, without sockets: a hit over HTTP takes longer, so the ratio is the worst case. In
`with its flush`, a hit bears its share of a flush to the database, for HITS requests of CLIPS clips. A
process answers that many in some seconds under load.
"""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bench import clip
from bench.product import inside
from bench.table import Judged, MeasuredRow, Target, rounded
from harness.postgres import PostgresServer
from harness.site import Site

ROUNDS = 9
HITS = 2_000
CLIPS = 50
AT_MOST = Target(Judged.RATIO, 0.03)


def measure() -> Iterator[MeasuredRow]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        yield from _rows(Path(folder), {}, database="SQLite")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, PostgresServer() as postgres:
        given = {"DATABASE_URL": postgres.create_database()}
        yield from _rows(Path(folder), given, database="PostgreSQL")


def _rows(folder: Path, given: dict[str, str], *, database: str) -> Iterator[MeasuredRow]:
    took: dict[str, list[float]] = inside(Site(folder / "var", given).environment(), time_counting)
    if database == "SQLite":
        yield MeasuredRow(
            name="counting", ours=took["counting"], baseline=took["hit"], unit="us", target=AT_MOST
        )
    with_flush = [count + flush / HITS for count, flush in zip(took["counting"], took["flush"], strict=True)]
    flush_ms, thousand_ms = (
        rounded(sorted(took[name])[ROUNDS // 2] / 1_000) for name in ("flush", "thousand")
    )
    yield MeasuredRow(
        name=f"with its flush ({database})",
        ours=with_flush,
        baseline=took["hit"],
        unit="us",
        target=AT_MOST,
        notes=f"a flush of {CLIPS} clips {flush_ms} ms, of 1,000 clips {thousand_ms} ms",
    )


def time_counting() -> dict[str, list[float]]:
    """In the product: microseconds in each round of one hit, of counting one, and of a flush."""
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    hit, count = hitting(clip.keep_published()), counting()
    took: dict[str, list[float]] = {"hit": [], "counting": [], "flush": [], "thousand": []}
    for _ in range(ROUNDS):
        took["hit"].append(microseconds(lambda _: hit(), range(HITS // 4)) / (HITS // 4))
        flush()
        took["counting"].append(microseconds(count, range(HITS)) / HITS)
        took["flush"].append(microseconds(lambda _: flush(), [0]))
        for number in range(1_000):
            count(number, of_clips=1_000)
        took["thousand"].append(microseconds(lambda _: flush(), [0]))
    return took


def microseconds(call: Callable[[int], object], numbers: Sequence[int]) -> float:
    began = time.thread_time_ns()
    for number in numbers:
        call(number)
    return (time.thread_time_ns() - began) / 1_000


def flush() -> None:
    from ttscache.wiring import speech_cache

    assert speech_cache().ledger.flush()


def hitting(content_hash: str) -> Callable[[], object]:
    """Return a function that sends one GET through all of Django, including the count."""
    from django.core.handlers.wsgi import WSGIHandler

    from ttscache.wiring import speech_cache

    speech_cache().tiers.set_published(frozenset([content_hash]))
    application, size = WSGIHandler(), len(clip.mp3())
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": f"/api/audio/{content_hash}.mp3",
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
    }

    def start_response(status: str, headers: object, *_: object) -> Callable[[bytes], object]:
        assert status == "200 OK"
        return lambda _: None

    def hit() -> None:
        response: Any = application(environ | {"wsgi.input": io.BytesIO()}, start_response)
        assert sum(len(part) for part in response) == size
        response.close()
        assert response["Cache-Status"] == "lifereview; hit; detail=memory"

    hit()
    return hit


def counting() -> Callable[..., None]:
    from ttscache.accounting.ledger import RequestedClip
    from ttscache.wiring import speech_cache

    ledger = speech_cache().ledger
    clips = [RequestedClip(f"{number:032x}", "question", "nova", "tts-1-hd", 60) for number in range(1_000)]

    def count(number: int, of_clips: int = CLIPS) -> None:
        ledger.record_request(clips[number % of_clips], "memory", 0.0004, 59_904)

    return count
