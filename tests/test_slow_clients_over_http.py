"""As many slow clients as the site has threads: all others are answered, and behind nginx at once."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from harness.caller import Caller, clip_path, hash_of, phrase, sound_of
from harness.nginx import NginxServer
from harness.openai_server import OpenAIServer
from harness.optional import skipped_when_unavailable
from harness.process import HOST
from harness.site import MakeSite, WebServer
from lifereview.server.slow_clients import PATIENCE_SECONDS

pytestmark = [pytest.mark.site, pytest.mark.long, pytest.mark.any_database, pytest.mark.timeout(300)]

THREADS = 4  # the fewest that the site accepts
SMALL_BUFFER_BYTES = 2_048
AT_ONCE_SECONDS = 10  # on a busy machine
AFTER_PATIENCE_SECONDS = PATIENCE_SECONDS + AT_ONCE_SECONDS


@dataclass(frozen=True)
class Doors:
    """The two ways to the site, and the text of a stored clip that no buffer of a connection can hold."""

    direct: Caller
    behind_nginx: Caller
    stored: str


@pytest.fixture(scope="module")
def doors(make_site: MakeSite, running_openai: OpenAIServer) -> Iterator[Doors]:
    running_openai.reset()
    with make_site(WebServer, WEB_THREADS=str(THREADS)) as server, ExitStack() as running:
        with skipped_when_unavailable():
            nginx = running.enter_context(NginxServer([f"{HOST}:{server.port}"]))
        token = server.api_token()
        direct = Caller(server, token)
        stored = phrase(400)
        assert direct.say(stored).status == 200
        yield Doors(direct, Caller(nginx, token), stored)  # type: ignore[arg-type]


@pytest.fixture
def held() -> Iterator[ExitStack]:
    """Connections that stay open until the end of the test."""
    with ExitStack() as held:
        yield held


Attack = Callable[[Caller, Doors], bytes]


def half_a_head(caller: Caller, doors: Doors) -> bytes:
    return _head(caller, f"GET {clip_path(hash_of(doors.stored))}")[:-10]


def half_a_body(caller: Caller, doors: Doors) -> bytes:
    body = json.dumps({"text": doors.stored}).encode()
    return _head(caller, "POST /api/text-to-speech", len(body)) + body[:100]


def reading_nothing_of_a_stored_clip(caller: Caller, doors: Doors) -> bytes:
    return _head(caller, f"GET {clip_path(hash_of(doors.stored))}")


def reading_nothing_of_a_clip_in_the_making(caller: Caller, doors: Doors) -> bytes:
    body = json.dumps({"text": phrase(400)}).encode()
    return _head(caller, "POST /api/text-to-speech", len(body)) + body


def _head(caller: Caller, request: str, size: int = 0) -> bytes:
    lines = (
        f"{request} HTTP/1.1",
        f"Host: {HOST}:{caller.site.port}",
        f"Authorization: Bearer {caller.token}",
        *(("Content-Type: application/json", f"Content-Length: {size}") if size else ()),
    )
    return "\r\n".join((*lines, "", "")).encode()


def open_slow_clients(held: ExitStack, count: int, attack: Attack, caller: Caller, doors: Doors) -> None:
    for _ in range(count):
        client = held.enter_context(socket.socket())
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_BYTES)
        client.connect((HOST, caller.site.port))
        client.sendall(attack(caller, doors))
    time.sleep(1)  # until each has what it can get


def seconds_to_a_hit(caller: Caller, doors: Doors) -> float:
    began = time.monotonic()
    answer = caller.clip(hash_of(doors.stored))
    assert (answer.status, answer.body) == (200, sound_of(doors.stored))
    return time.monotonic() - began


@pytest.mark.parametrize(
    ("attack", "seconds"),
    [
        (half_a_head, AT_ONCE_SECONDS),
        (half_a_body, AFTER_PATIENCE_SECONDS),
        (reading_nothing_of_a_stored_clip, AFTER_PATIENCE_SECONDS),
        (reading_nothing_of_a_clip_in_the_making, AT_ONCE_SECONDS),
    ],
)
def test_as_many_slow_clients_as_threads_do_not_stop_the_site(
    doors: Doors, held: ExitStack, openai: OpenAIServer, attack: Attack, seconds: float
) -> None:
    open_slow_clients(held, THREADS, attack, doors.direct, doors)
    assert seconds_to_a_hit(doors.direct, doors) < seconds
    assert "Traceback" not in doors.direct.site.log()  # a client's slowness is no error of the server


@pytest.mark.parametrize(
    "attack",
    [
        half_a_head,
        half_a_body,
        reading_nothing_of_a_stored_clip,
        reading_nothing_of_a_clip_in_the_making,
    ],
)
def test_slow_clients_of_nginx_delay_nobody(
    doors: Doors, held: ExitStack, openai: OpenAIServer, attack: Attack
) -> None:
    open_slow_clients(held, 5 * THREADS, attack, doors.behind_nginx, doors)
    assert seconds_to_a_hit(doors.behind_nginx, doors) < AT_ONCE_SECONDS
    assert seconds_to_a_hit(doors.direct, doors) < AT_ONCE_SECONDS
