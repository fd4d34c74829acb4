"""Hits while 60 guesses of a password come at once; the baseline is the same load without guesses.

Each guess has a name and an address of its own, so no limit of one name or address refuses it. One client
loads a published 60 kB clip from memory, with and without guesses in turns. A round begins with the guesses.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.cookies import SimpleCookie
from itertools import count
from pathlib import Path
from urllib.parse import urlencode

from bench import clip
from bench.load import Load, load
from bench.product import inside
from bench.table import MeasuredRow, rounded
from harness import http
from harness.site import WebServer

ROUNDS = 5
GUESSES = 60
CONNECTIONS = 4
WARM_UP_CONNECTIONS = 64
SECONDS = 3
PATIENCE_SECONDS = 300  # hashes yield to everything else, so a busy machine takes long
BETWEEN_SECONDS = 2  # hashes that are still being worked out end before the next round
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')


def measure() -> Iterator[MeasuredRow]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, WebServer(Path(folder) / "var") as web:
        content_hash = inside(web.environment(), clip.keep_published)
        url = f"{web.url}/api/audio/{content_hash}.mp3"
        guesser = Guesser(web.url)
        guesser.guess_at_once()  # not measured: the first requests load libraries
        # Enough connections to reach every worker, so that each has the clip in memory afterwards.
        load(url, clip.mp3(), connections=WARM_UP_CONNECTIONS, seconds=SECONDS)
        alone: list[Load] = []
        under: list[Load] = []
        guesser.answers.clear()
        for _ in range(ROUNDS):
            time.sleep(BETWEEN_SECONDS)
            alone.append(_loaded(url))
            with ThreadPoolExecutor(1) as threads:
                guessing = threads.submit(guesser.guess_at_once)
                under.append(_loaded(url))
                guessing.result()
    for name, of in (("median", "median_ms"), ("p95", "p95_ms"), ("p99", "p99_ms")):
        ours, baseline = [getattr(each, of) for each in under], [getattr(each, of) for each in alone]
        yield MeasuredRow(
            name=f"hits, {name}", ours=ours, baseline=baseline, unit="ms", notes=_notes(ours, guesser)
        )


def _notes(ours: list[float], guesser: Guesser) -> str:
    answers = guesser.answers
    return (
        f"longest {rounded(max(ours))} ms; {answers[200]} guesses worked out, {answers[429]} refused as busy"
    )


def _loaded(url: str) -> Load:
    return load(url, clip.mp3(), connections=CONNECTIONS, seconds=SECONDS, in_head="detail=memory")


class Guesser:
    """Posts wrong passwords to the sign-in page, and counts the answers by status."""

    def __init__(self, url: str) -> None:
        self._url = url
        page = http.get(f"{url}/admin/login/")
        token = _TOKEN.search(page.body.decode())
        assert token is not None
        self._token = token[1]
        self._cookie = SimpleCookie(page.headers["Set-Cookie"])["csrftoken"].value
        self._numbers = count(1)
        self.answers: Counter[int] = Counter()

    def guess_at_once(self) -> None:
        numbers = [next(self._numbers) for _ in range(GUESSES)]
        with ThreadPoolExecutor(GUESSES) as threads:
            self.answers.update(threads.map(self._guess, numbers))

    def _guess(self, number: int) -> int:
        fields = {
            "username": f"somebody {number}",
            "password": f"a guess {number}",
            "csrfmiddlewaretoken": self._token,
        }
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": f"csrftoken={self._cookie}",
            "Origin": self._url,
            "X-Forwarded-For": f"10.1.{number // 250}.{number % 250 + 1}",
        }
        return http.request(
            "POST",
            f"{self._url}/admin/login/",
            headers,
            urlencode(fields).encode(),
            timeout_seconds=PATIENCE_SECONDS,
        ).status
