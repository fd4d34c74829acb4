"""Every request for a clip is in the figures once, whichever process answered it, also after a restart."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from harness.http import BrokenTransfer, at_once
from harness.openai_server import OpenAIServer
from harness.site import WebServer
from lifereview.tests.calling import Caller, clip_path, hash_of, long_phrase, phrase
from lifereview.tests.conftest import MakeSite

pytestmark = pytest.mark.site

THREADS = 12
REQUESTS_EACH = 40
HITS = {"memory", "file", "database"}


class Clerk:
    """Counts by itself what was asked for and how it went."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.counted: Counter[str] = Counter()

    def note(self, outcome: str) -> None:
        with self._lock:
            self.counted[outcome] += 1


@pytest.fixture(scope="module")
def server(make_site: MakeSite) -> Iterator[WebServer]:
    with make_site(WebServer) as server:
        yield server


@pytest.fixture(scope="module")
def caller(server: WebServer) -> Caller:
    return Caller(server, server.api_token())


def outcome_of(cache_status: str) -> str:
    """RFC 9211, as the contract words it."""
    return cache_status.rsplit("detail=", maxsplit=1)[-1] if "detail=" in cache_status else "collapsed"


def ask_in_some_way(caller: Caller, clerk: Clerk, chance: random.Random, warm: list[str]) -> None:
    """One request of a kind that chance decides, noted where it is one for a clip."""
    known = chance.choice(warm)
    path = clip_path(hash_of(known))
    kind = chance.choice(
        [
            "play",
            "play",
            "say",
            "miss",
            "joined",
            "refused",
            "cut",
            "head",
            "probe",
            "later",
            "start",
            "304",
            "416",
        ]
    )
    if kind == "play":
        clerk.note(outcome_of(caller.get(path).headers["Cache-Status"]))
    elif kind == "say":
        clerk.note(outcome_of(caller.say(known).headers["Cache-Status"]))
    elif kind == "miss":
        clerk.note(outcome_of(caller.say(phrase(), voice="onyx").headers["Cache-Status"]))
    elif kind == "joined":
        clerk.note(outcome_of(caller.say(f"{known} {chance.randrange(20)}").headers["Cache-Status"]))
    elif kind == "refused":
        assert caller.say(f"refused {phrase()}").status == 400
        clerk.note("failed")
    elif kind == "cut":
        with pytest.raises(BrokenTransfer):
            caller.say(f"broken {long_phrase()}")
        clerk.note("failed")
    elif kind == "start":
        clerk.note(outcome_of(caller.get(path, Range="bytes=0-9999").headers["Cache-Status"]))
    else:
        ask_without_counting(caller, kind, path)


def ask_without_counting(caller: Caller, kind: str, path: str) -> None:
    if kind == "head":
        assert caller.ask("HEAD", path).status == 200
    elif kind == "probe":
        assert caller.get(path, Range="bytes=0-1").status == 206
    elif kind == "later":
        assert caller.get(path, Range="bytes=500-").status == 206
    elif kind == "304":
        etag = caller.ask("HEAD", path).headers["ETag"]
        assert caller.get(path, If_None_Match=etag).status == 304
    else:
        assert caller.get(path, Range="bytes=99999999-").status == 416


def test_the_figures_are_the_requests_to_the_unit_over_restarts(
    server: WebServer, caller: Caller, openai: OpenAIServer
) -> None:
    openai.behave(fault=400, on_text="refused")
    openai.behave_also(fault="break_off", on_text="broken")
    clerk = Clerk()
    warm = [phrase() for _ in range(8)]
    for text in warm:
        clerk.note(outcome_of(caller.say(text).headers["Cache-Status"]))

    def ask_many(index: int) -> None:
        chance = random.Random(index)
        for _ in range(REQUESTS_EACH):
            ask_in_some_way(caller, clerk, chance, warm)

    assert at_once(THREADS, ask_many) == [None] * THREADS
    sent = clerk.counted

    server.stop()
    assert server.survivors() == []
    server.start()
    figures = caller.by_tier()
    assert sum(figures.values()) == sent.total()
    assert {name: number for name, number in figures.items() if number} == dict(sent)
    stats = caller.get("/api/cache-stats").json()
    assert sum(kind["requests"] for kind in stats["by_content_type"].values()) == sent.total()
    assert stats["hit_rate"] == pytest.approx(sum(sent[name] for name in HITS) / sent.total(), abs=1e-4)

    clerk.note(outcome_of(caller.say(warm[0]).headers["Cache-Status"]))
    server.stop()
    server.start()
    assert sum(caller.by_tier().values()) == sent.total()


def test_what_was_spent_is_what_the_calls_cost(
    server: WebServer, caller: Caller, openai: OpenAIServer
) -> None:
    before = caller.get("/api/cache-stats").json()
    text = phrase()
    for _ in range(3):
        caller.say(text)
    server.stop()
    server.start()
    after = caller.get("/api/cache-stats").json()
    price = len(text) * 30 / 1e6
    assert after["spent_usd"] - before["spent_usd"] == pytest.approx(price, abs=2e-6)
    assert after["saved_usd"] - before["saved_usd"] == pytest.approx(2 * price, abs=4e-6)
    assert after["supabase_entries"] == before["supabase_entries"] + 1


def test_a_request_that_is_under_way_when_the_server_stops_is_counted(
    server: WebServer, caller: Caller, openai: OpenAIServer
) -> None:
    before = caller.by_tier()
    text = phrase()
    openai.behave(gate_after_chunks=1)
    with caller.start_saying(text) as response:
        next(iter(response))
        server.stop()
    server.start()
    after = caller.by_tier()
    assert sum(after.values()) == sum(before.values()) + 1
