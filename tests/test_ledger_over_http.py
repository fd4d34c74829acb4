"""The ledger counts every request for a clip once, whichever process answers, also over restarts."""

from __future__ import annotations

import os
import random
import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from harness.caller import Caller, clip_path, hash_of, long_phrase, phrase
from harness.http import BrokenTransfer, at_once
from harness.openai_server import OpenAIServer
from harness.site import MakeSite, WebServer
from harness.site_data import new_token, query

pytestmark = [pytest.mark.site, pytest.mark.any_database]

THREADS = 12
ROUNDS_EACH = 25 if os.environ.get("TEST_LONG") == "1" else 4
PLAYS_A_ROUND = 6
HITS = {"memory", "file", "database"}


class OwnCounts:
    """The test's own counts of requests and outcomes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.outcomes: Counter[str] = Counter()
        self.usage: Counter[tuple[str, str, str]] = Counter()
        self.clips: Counter[str] = Counter()
        self.characters = 0

    def note(self, outcome: str, text: str, voice: str = "nova", kind: str = "narrative") -> None:
        with self._lock:
            self.outcomes[outcome] += 1
            self.usage[kind, voice, outcome] += 1
            self.clips[hash_of(text, voice)] += 1
            self.characters += len(text)


@pytest.fixture(scope="module")
def server(make_site: MakeSite) -> Iterator[WebServer]:
    with make_site(WebServer, WEB_WORKERS="2") as server:
        yield server


@pytest.fixture(scope="module")
def caller(server: WebServer) -> Caller:
    return Caller(server, new_token(server))


def outcome_of(cache_status: str) -> str:
    """Return the outcome that a Cache-Status header (RFC 9211) tells."""
    return cache_status.rsplit("detail=", maxsplit=1)[-1] if "detail=" in cache_status else "collapsed"


def play(caller: Caller, counts: OwnCounts, text: str, **headers: str) -> None:
    counts.note(outcome_of(caller.clip(hash_of(text), **headers).headers["Cache-Status"]), text)


def say(caller: Caller, counts: OwnCounts, text: str, voice: str = "nova", kind: str = "narrative") -> None:
    said = caller.say(text, voice=voice, content_type=kind)
    counts.note(outcome_of(said.headers["Cache-Status"]), text, voice, kind)


def make_random_request(caller: Caller, counts: OwnCounts, chance: random.Random, warm: list[str]) -> None:
    """Make a random request, and note it if it counts as a request for a clip."""
    known = chance.choice(warm)
    kind = chance.choice(
        ["say", "miss", "joined", "refused", "cut", "start", "head", "probe", "later", "304", "416"]
    )
    if kind == "say":
        say(caller, counts, known)
    elif kind == "miss":
        say(caller, counts, phrase(), voice="onyx", kind="question")
    elif kind == "joined":
        say(caller, counts, f"{known} {chance.randrange(20)}")
    elif kind == "refused":
        text = f"refused {phrase()}"
        assert caller.say(text).status == 400
        counts.note("failed", text)
    elif kind == "cut":
        text = f"broken {long_phrase()}"
        with pytest.raises(BrokenTransfer):
            caller.say(text)
        counts.note("failed", text)
    elif kind == "start":
        play(caller, counts, known, Range="bytes=0-9999")
    else:
        ask_without_counting(caller, kind, clip_path(hash_of(known)))


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


def test_ledger_figures_equal_the_requests_over_restarts(
    server: WebServer, caller: Caller, openai: OpenAIServer
) -> None:
    openai.behave(fault=400, on_text="refused")
    openai.behave_also(fault="break_off", on_text="broken")
    counts = OwnCounts()
    warm = [phrase() for _ in range(8)]
    for text in warm:
        say(caller, counts, text)

    def ask_many(index: int) -> None:
        chance = random.Random(index)
        for _ in range(ROUNDS_EACH):
            make_random_request(caller, counts, chance, warm)
            for _ in range(PLAYS_A_ROUND):
                play(caller, counts, chance.choice(warm))

    assert at_once(THREADS, ask_many) == [None] * THREADS
    sent = counts.outcomes
    assert sent.total() > THREADS * ROUNDS_EACH * PLAYS_A_ROUND

    server.stop()
    assert server.survivors() == []
    server.start()
    figures = caller.by_tier()
    assert sum(figures.values()) == sent.total()
    assert {name: number for name, number in figures.items() if number} == dict(sent)
    stats = caller.get("/api/cache-stats").json()
    assert sum(kind["requests"] for kind in stats["by_content_type"].values()) == sent.total()
    assert stats["hit_rate"] == pytest.approx(sum(sent[name] for name in HITS) / sent.total(), abs=1e-4)
    assert usage_of(server) == counts.usage
    assert clips_of(server) == counts.clips
    assert query(server, "SELECT sum(characters) FROM ttscache_usage") == [(counts.characters,)]

    say(caller, counts, warm[0])
    server.stop()
    server.start()
    assert sum(caller.by_tier().values()) == sent.total()


def usage_of(server: WebServer) -> dict[tuple[str, str, str], int]:
    found = query(
        server,
        "SELECT content_type, voice, outcome, sum(requests) FROM ttscache_usage "
        "GROUP BY content_type, voice, outcome",
    )
    return {(kind, voice, outcome): int(number) for kind, voice, outcome, number in found}


def clips_of(server: WebServer) -> dict[str, int]:
    found = query(
        server, "SELECT content_hash, sum(requests) FROM ttscache_dailyrequests GROUP BY content_hash"
    )
    return {content_hash: int(number) for content_hash, number in found}


def test_ledger_spending_equals_the_cost_of_the_calls(
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


def test_a_request_under_way_at_the_stop_is_counted(
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
