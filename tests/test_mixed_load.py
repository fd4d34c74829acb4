"""A site under mixed load, with a provider that fails one call in ten, sends no wrong sound."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psutil
import pytest

from harness import http
from harness.caller import Caller, hash_of, phrase, sound_of
from harness.mixed_load import BROKEN_OFF, UNLUCKY, MixedLoad
from harness.openai_server import OpenAIServer
from harness.site import WebServer
from harness.sockets import clients_of
from harness.waiting import wait_until
from tests.conftest import MakeSite

pytestmark = [pytest.mark.site, pytest.mark.long, pytest.mark.any_database]

LOAD_SECONDS = min(int(os.environ.get("LOAD_SECONDS", "120")), 540)
THREADS = 24
MOST_GROWTH_BYTES = 24 * 1024**2


@pytest.fixture(scope="module")
def server(make_site: MakeSite) -> Iterator[WebServer]:
    # A small memory tier fills before the first measurement, so that what grows later is a leak.
    limits = {"WEB_THREADS": str(THREADS), "TTS_MEMORY_BYTES": "2000000"}
    rates = {"THROTTLE_RATES": "generation=1000000/min"}
    with make_site(WebServer, **limits, **rates) as server:
        yield server


def memory_of(server: WebServer) -> int:
    return sum(psutil.Process(pid).memory_info().rss for pid in server.worker_pids())


def threads_of(server: WebServer) -> int:
    return sum(psutil.Process(pid).num_threads() for pid in server.worker_pids())


@pytest.mark.timeout(LOAD_SECONDS + 240)
def test_under_mixed_load_each_answer_is_the_clip_of_its_own_text(
    server: WebServer, openai: OpenAIServer
) -> None:
    caller = Caller(server, server.api_token())
    stored = [phrase(30) for _ in range(20)]
    assert [caller.say(text).body for text in stored] == [sound_of(text) for text in stored]
    openai.behave(fault=500, on_text=UNLUCKY)
    openai.behave_also(fault="break_off", on_text=BROKEN_OFF)
    load = MixedLoad(caller, stored)
    # Pools start their threads on demand: more new texts at once than there are threads start all of them.
    http.at_once(2 * THREADS, lambda number: caller.say(phrase(12)))
    load.run(LOAD_SECONDS / 3)  # every cache is full
    wait_until(lambda: not clients_of(server), "the end of all connections", seconds=60)
    threads, memory = threads_of(server), memory_of(server)

    load.run(LOAD_SECONDS * 2 / 3)

    print(dict(sorted(load.answers.items())))
    assert load.wrong == []
    kinds = {name.split()[0] for name in load.answers}
    assert kinds == {"hit", "part", "gateway_hit", "miss", "gateway_miss", "slow", "give_up"}
    assert {"miss 200", "gateway_miss 200"} <= set(load.answers)
    wait_until(lambda: not clients_of(server), "the end of all connections", seconds=60)
    wait_until(lambda: threads_of(server) <= threads, "the end of all other threads", seconds=60)
    assert memory_of(server) - memory <= MOST_GROWTH_BYTES
    assert load.given_up
    for text in load.given_up[-5:]:
        assert caller.say(text).body == sound_of(text)
    # As many callers as there are threads are served at once: none of the threads is lost.
    answers = http.at_once(THREADS, lambda number: caller.clip(hash_of(stored[number % len(stored)])))
    assert [getattr(answer, "status", answer) for answer in answers] == [200] * THREADS
    assert not [word for word in (UNLUCKY, BROKEN_OFF) if word in server.log()]
