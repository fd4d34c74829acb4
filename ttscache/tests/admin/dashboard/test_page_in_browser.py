"""The numbers that a real browser shows on the dashboard equal those that the test computes itself."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone
from playwright.sync_api import Browser, Page

from ttscache.accounting.ledger import Ledger, RequestedClip
from ttscache.models import ContentType
from ttscache.speech import SpeechRequest

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

HITS = {"memory": "from memory", "file": "this server's disk", "database": "from the database"}
HITS |= {"storage": "from storage", "edge": "by nginx or the CDN"}
MISSES = {
    "generated": "Made while the listener waited",
    "collapsed": "Waited for audio already being made",
    "failed": "Failed",
}
SOURCES = HITS | MISSES
VOICES = ("nova", "onyx")
USD_A_CHARACTER = 30 / 1e6  # tts-1-hd
BUCKET_ENDS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000)
MS = {"ms": 1, "s": 1_000}


@dataclass(frozen=True)
class Request:
    """One request as the test remembers it."""

    kind: str
    voice: str
    outcome: str
    characters: int
    ms: float

    @property
    def is_hit(self) -> bool:
        return self.outcome in HITS


@pytest.fixture
def recorded() -> list[Request]:
    """Record 5,000 requests of the last two days, and the calls that some of them took, in the ledger."""
    chance, clock = random.Random(5_000), [0.0]
    ledger = Ledger(lambda requested: requested.characters * USD_A_CHARACTER, clock=lambda: clock[0])
    today = timezone.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    requests = []
    for _ in range(5_000):
        clock[0] = moment(chance, today).timestamp()
        requests.append(request := some_request(chance))
        content_hash = f"{chance.getrandbits(128):032x}"
        requested = RequestedClip(content_hash, request.kind, request.voice, "tts-1-hd", request.characters)
        ledger.record_request(requested, request.outcome, request.ms / 1e3, 9)
        if request.outcome == "generated":
            said = SpeechRequest(text="a" * request.characters, voice=request.voice, model="tts-1-hd")
            ledger.record_call(said, request.kind, request.characters * USD_A_CHARACTER, "ok")
    assert ledger.flush()
    cache.clear()
    return requests


def moment(chance: random.Random, today: datetime) -> datetime:
    return today - timedelta(days=2) * chance.random()


def some_request(chance: random.Random) -> Request:
    weights = [60, 20, 5, 5, 2, 5, 2, 1]
    return Request(
        kind=chance.choice(ContentType.values),
        voice=chance.choice(VOICES),
        outcome=chance.choices([*HITS, *MISSES], weights)[0],
        characters=chance.randint(1, 900),
        ms=chance.choice([0.4, 3, 30, 300, 3_000]) * chance.uniform(0.5, 1),
    )


@pytest.fixture
def page(browser: Browser, live_server: Any, admin_client: Any) -> Iterator[Page]:
    context = browser.new_context(base_url=live_server.url)
    cookie = admin_client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
    yield context.new_page()
    context.close()


# --- what the page shows ------------------------------------------------------------------------------------
def shown(page: Page, name: str) -> str:
    return page.locator(f"[data-figure={name}]").inner_text()


def number(words: str) -> float:
    """Parse a number such as $1,234.50 or 97.8%."""
    return float(words.strip("$%").replace(",", ""))


def milliseconds(words: str) -> float:
    value, unit = words.split()
    return float(value) * MS[unit]


def source(page: Page, outcome: str) -> list[str]:
    """Return the cells of one outcome: share, requests, p50, p95 and p99."""
    row = page.get_by_role("region", name="Where sound came from").get_by_role("row")
    cells = row.filter(has_text=SOURCES[outcome]).get_by_role("cell").all_inner_texts()
    return cells[-5:]


# --- what the test computes ---------------------------------------------------------------------------------
def percent(part: list[Request], whole: list[Request], *, by_money: bool = False) -> float:
    weigh = (lambda requests: sum(each.characters for each in requests)) if by_money else len
    return 100 * weigh(part) / weigh(whole)


def hits(requests: list[Request]) -> list[Request]:
    return [each for each in requests if each.is_hit]


def list_price(requests: list[Request]) -> float:
    return sum(each.characters for each in requests) * USD_A_CHARACTER


def real_percentile(requests: list[Request], share: float) -> float:
    waited = sorted(each.ms for each in requests)
    return waited[int(-(-len(waited) * share // 1)) - 1]


@pytest.mark.parametrize(
    ("voice", "by_money"), [("", False), ("onyx", True)], ids=["all by requests", "one voice by money"]
)
def test_every_number_of_the_dashboard_matches_5000_requests(
    page: Page, recorded: list[Request], voice: str, by_money: bool
) -> None:
    mine = [each for each in recorded if voice in ("", each.voice)]
    page.goto(f"/admin/?voice={voice}&view={'money' if by_money else 'requests'}")
    assert number(shown(page, "requests")) == len(mine)
    assert number(shown(page, "hit-rate")) == pytest.approx(
        percent(hits(mine), mine, by_money=by_money), abs=0.051
    )
    for kind in ContentType.values:
        of_kind = [each for each in mine if each.kind == kind]
        rate = percent(hits(of_kind), of_kind, by_money=by_money)
        assert number(shown(page, f"rate-{kind}")) == pytest.approx(rate, abs=0.051)
    spent = list_price([each for each in mine if each.outcome == "generated"])
    without = list_price([each for each in mine if each.outcome != "failed"])
    assert number(shown(page, "spent")) == pytest.approx(spent, abs=0.0051)
    assert number(shown(page, "saved")) == pytest.approx(without - spent, abs=0.0051)
    for outcome in SOURCES:
        of_source = [each for each in mine if each.outcome == outcome]
        share, requests, *waits = source(page, outcome)
        assert number(requests) == len(of_source)
        assert number(share) == pytest.approx(percent(of_source, mine, by_money=by_money), abs=0.051)
        if outcome == "edge":  # a log of nginx tells no time
            assert waits == ["-"] * 3
            continue
        for part, wait in zip((0.50, 0.95, 0.99), waits, strict=True):
            assert is_in_bucket_of(milliseconds(wait), real_percentile(of_source, part))


def is_in_bucket_of(shown_ms: float, real_ms: float) -> bool:
    """Compare by bucket: percentiles are read from buckets and shown rounded."""
    place = bisect_left(BUCKET_ENDS_MS, real_ms)
    lowest = BUCKET_ENDS_MS[place - 1] if place else 0
    return 0.95 * lowest <= shown_ms <= 1.05 * BUCKET_ENDS_MS[place]
