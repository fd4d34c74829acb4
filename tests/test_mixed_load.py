"""A site under mixed load, with a provider that fails one call in ten, sends no wrong sound."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

import pytest

from harness import http
from harness.caller import Caller, hash_of, phrase, sound_of
from harness.mixed_load import BROKEN_OFF, UNLUCKY, MixedLoad
from harness.openai_server import OpenAIServer
from harness.site import MakeSite, WebServer
from harness.sockets import clients_of
from harness.threads import dumping, memory_in_use, threads_of
from harness.waiting import wait_until

pytestmark = [pytest.mark.site, pytest.mark.long, pytest.mark.any_database]

LOAD_SECONDS = min(int(os.environ.get("LOAD_SECONDS", "120")), 540)
THREADS = 24
MOST_GROWTH_BYTES = 8 * 1024**2
# What else runs in a web process; gunicorn's pool starts up to THREADS more on demand, and keeps them.
AT_REST = {"MainThread": 1, "housekeeping": 1, "prefetch": 1}


@pytest.fixture(scope="module")
def server(make_site: MakeSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    # A small memory tier fills before the first measurement, so that what grows later is a leak.
    limits = {"WEB_THREADS": str(THREADS), "TTS_MEMORY_BYTES": "2000000"}
    rates = {"THROTTLE_RATES": "generation=1000000/min"}
    with make_site(WebServer, **limits, **rates, **dumping(tmp_path_factory.mktemp("threads"))) as server:
        yield server


def come_to_rest(server: WebServer) -> dict[str, int]:
    """Wait until no thread has a request, a clip in the making, or a lease. Returns the threads left.

    Raises TimeoutError, with the calls of each thread that does not end.
    """
    wait_until(lambda: not clients_of(server), "the end of all connections", seconds=60)
    try:
        wait_until(lambda: _by_name(server, idle=False) == AT_REST, "rest", seconds=60)
    except TimeoutError:
        busy = [thread for thread in threads_of(server) if not thread.is_idle]
        raise TimeoutError(
            "\n".join(f"{thread.name}: {' > '.join(thread.stack)}" for thread in busy)
        ) from None
    return {"pool": _by_name(server, idle=True).total(), **AT_REST}


def _by_name(server: WebServer, *, idle: bool) -> Counter[str]:
    return Counter(thread.name for thread in threads_of(server) if thread.is_idle == idle)


@pytest.mark.timeout(LOAD_SECONDS + 300)
def test_under_mixed_load_each_answer_is_the_clip_of_its_own_text(
    server: WebServer, openai: OpenAIServer
) -> None:
    caller = Caller(server, server.api_token())
    stored = [phrase(30) for _ in range(20)]
    assert [caller.say(text).body for text in stored] == [sound_of(text) for text in stored]
    openai.behave(fault=500, on_text=UNLUCKY)
    openai.behave_also(fault="break_off", on_text=BROKEN_OFF)
    load = MixedLoad(caller, stored)
    load.run(LOAD_SECONDS / 3)  # every cache is full
    threads, memory = come_to_rest(server), memory_in_use(server)

    load.run(LOAD_SECONDS * 2 / 3)

    print(dict(sorted(load.answers.items())))
    assert load.wrong == []
    kinds = {name.split()[0] for name in load.answers}
    assert kinds == {"hit", "part", "gateway_hit", "miss", "gateway_miss", "slow", "give_up"}
    assert {"miss 200", "gateway_miss 200"} <= set(load.answers)
    threads_after, memory_after = come_to_rest(server), memory_in_use(server)
    print(f"threads {threads} -> {threads_after}, memory {memory:,} -> {memory_after:,}")
    assert threads_after["pool"] <= THREADS
    assert memory_after - memory <= MOST_GROWTH_BYTES
    assert load.given_up
    for text in load.given_up[-5:]:
        assert caller.say(text).body == sound_of(text)
    # As many callers as there are threads are served at once: none of the threads is lost.
    answers = http.at_once(THREADS, lambda number: caller.clip(hash_of(stored[number % len(stored)])))
    assert [getattr(answer, "status", answer) for answer in answers] == [200] * THREADS
    assert not [word for word in (UNLUCKY, BROKEN_OFF) if word in server.log()]
