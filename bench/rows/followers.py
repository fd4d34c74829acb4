"""Delay between the leader's answer and that of its followers; 150 ms are allowed.

Zero is the end of the leader's answer, which ends only once the clip is stored; a follower may have it
earlier. Followers request it over HTTP while the voice speaks: in the leader's process (they join its
Recording), in another process of that host, and on another host with its own network, name and files, which
shares only the database. All clocks are this machine's. Followers poll, so each round waits a random time to
end at another moment between two looks.
"""

from __future__ import annotations

import http.client
import json
import random
import tempfile
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlsplit

from bench.table import Judged, MeasuredRow, Target, rounded
from harness import Unavailable
from harness.openai_server import OpenAIServer
from harness.other_host import FarServer, OtherHost, new_network
from harness.postgres import PostgresServer
from harness.process import HOST
from harness.site import WebServer
from harness.waiting import wait_until

ROUNDS = 25
FOLLOWERS = 2  # of one server in one round; those in one process wait together
ALLOWED_MS = 150.0
UNTIL_THEY_FOLLOW_SECONDS = 0.3

Servers = Mapping[str, WebServer]
Delays = dict[str, list[float]]


def measure() -> Iterator[MeasuredRow]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, OpenAIServer() as voice:
        with ExitStack() as stack:
            servers = _one_host(stack, Path(folder) / "sqlite", voice)
            yield from _rows("SQLite", _delays(voice, servers))
        with ExitStack() as stack:
            host, why = _other_host(stack)
            postgres = stack.enter_context(PostgresServer(also_on=host.near if host else ""))
            url = postgres.create_database()
            servers = _one_host(stack, Path(folder) / "postgres", voice, DATABASE_URL=url)
            if host is not None:
                far = _far(host, Path(folder) / "far", servers["the same process"])
                servers["another host"] = stack.enter_context(far)
            yield from _rows("PostgreSQL", _delays(voice, servers))
        if why is not None:
            raise why


def _rows(database: str, delays: Delays) -> Iterator[MeasuredRow]:
    for place, found in delays.items():
        p95 = quantiles(found, n=20)[18]
        yield MeasuredRow(
            name=f"{place} ({database})",
            ours=found,
            unit="ms",
            target=Target(Judged.FIGURE, ALLOWED_MS),
            notes=f"p95 {rounded(p95)}, at most {rounded(max(found))} ms; {len(found)} answers",
        )


# The servers, each with one process


def _one_host(stack: ExitStack, var_dir: Path, voice: OpenAIServer, **given: str) -> dict[str, WebServer]:
    """Start the leading server, and another one with the same folders and database."""
    env = {
        "SECRET_KEY": "of all hosts",
        "OPENAI_API_KEY": "test",
        "OPENAI_BASE_URL": voice.base_url,
        "WEB_WORKERS": "1",
        **given,
    }
    leading = stack.enter_context(WebServer(var_dir, env))
    beside = WebServer(var_dir, env)
    beside.is_prepared = True
    return {"the same process": leading, "another process": stack.enter_context(beside)}


def _other_host(stack: ExitStack) -> tuple[OtherHost | None, Unavailable | None]:
    try:
        return stack.enter_context(OtherHost(stack.enter_context(new_network()))), None
    except Unavailable as reason:
        return None, reason


def _far(host: OtherHost, var_dir: Path, near: WebServer) -> FarServer:
    """A server on the other host. It cannot reach the voice, so it can only follow."""
    url = near.env["DATABASE_URL"].replace(HOST, host.near)
    return FarServer(host, var_dir, {**near.env, "DATABASE_URL": url})


# One round: a leader, its followers, and the moment when each of them had the whole clip


def _delays(voice: OpenAIServer, servers: Servers) -> Delays:
    """Milliseconds by place, one for each answer."""
    leading = next(iter(servers.values()))
    token = leading.api_token()
    list(_round(voice, token, leading, servers))  # not measured: the first requests load libraries
    delays: Delays = defaultdict(list)
    for _ in range(ROUNDS):
        for place, milliseconds in _round(voice, token, leading, servers):
            delays[place].append(milliseconds)
    return delays


def _round(
    voice: OpenAIServer, token: str, leading: WebServer, servers: Servers
) -> Iterator[tuple[str, float]]:
    text = f"What place from your childhood comes to mind most often, {uuid.uuid4().hex}?"
    voice.reset()
    voice.behave(gate_after_chunks=2)
    leader = SentRequest(leading, text, token)
    wait_until(voice.calls, "the call")
    places = [place for place in servers for _ in range(FOLLOWERS)]
    everyone = [leader, *(SentRequest(servers[place], text, token) for place in places)]
    time.sleep(UNTIL_THEY_FOLLOW_SECONDS + random.random() * 0.1)
    with ThreadPoolExecutor(len(everyone)) as threads:
        ends = [threads.submit(request.end) for request in everyone]
        voice.release()
        led, *followed = [end.result() for end in ends]
    if len(voice.calls()) != 1 or {one.body for one in followed} != {led.body}:
        raise RuntimeError("a clip was made twice, or differs")
    for place, one in zip(places, followed, strict=True):
        if one.has_followed:
            yield place, (one.at - led.at) * 1_000


@dataclass(frozen=True, slots=True)
class End:
    """The moment of the last byte, and all bytes. A request that came too late to follow got a hit."""

    at: float
    body: bytes
    has_followed: bool


class SentRequest:
    """Sends its request at once, and reads the answer in `end`."""

    def __init__(self, server: WebServer, text: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=30)
        self._connection.request("POST", "/api/text-to-speech", json.dumps({"text": text}), headers)

    def end(self) -> End:
        response = self._connection.getresponse()
        body = response.read()
        at = time.monotonic()
        self._connection.close()
        if response.status != 200:
            raise RuntimeError(f"{response.status} {body[:500]!r}")
        return End(at, body, has_followed="collapsed" in response.headers["Cache-Status"])
