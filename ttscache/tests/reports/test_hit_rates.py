"""The numbers of the report on requests equal those that the test computes itself."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection

from harness.emptied_tables import empty_tables
from harness.report_rows import BEGINS, NOW
from ttscache.accounting.ledger import Ledger, RequestedClip
from ttscache.accounting.rollup import roll_up
from ttscache.models import ContentType, Usage
from ttscache.reports.costs import costs
from ttscache.reports.hit_rates import Rate, request_figures
from ttscache.reports.scope import VIEWS, Scope
from ttscache.speech import SpeechRequest

DAY = timedelta(days=1)
HITS = {"memory", "file", "database", "storage", "edge"}
OUTCOMES = [*sorted(HITS), "generated", "collapsed", "failed", "fallback"]
VOICES = ["nova", "onyx", "alloy"]


# --- 5,000 requests ---------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Request:
    """One request as the test remembers it; or one call of the voice service, if `is_call`."""

    at: datetime
    kind: str
    voice: str
    outcome: str
    characters: int
    microusd: int
    ms: float = 0.0
    is_call: bool = False


def day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


PRICES = {"tts-1": 15, "tts-1-hd": 30}


@pytest.fixture(scope="class")
def recorded(django_db_setup: None, django_db_blocker: Any) -> Iterator[list[Request]]:
    """Record 5,000 requests in the real ledger, and roll up old hours as every night."""
    chance, clock = random.Random(5_000), [0.0]
    ledger = Ledger(lambda clip: clip.characters * PRICES[clip.model] / 1e6, clock=lambda: clock[0])
    with django_db_blocker.unblock():
        requests = [request for _ in range(5_000) for request in _record(chance, clock, ledger)]
        assert ledger.flush()
        roll_up(NOW)
        yield requests
        empty_tables(connection)


def _record(chance: random.Random, clock: list[float], ledger: Ledger) -> list[Request]:
    """Record one request, and its call if it is a miss; half of the requests are in the last week."""
    age = chance.choice([7, 7, 400]) * DAY * chance.random()
    at, kind = NOW - age, chance.choice(ContentType.values)
    voice, outcome, model = chance.choice(VOICES), chance.choice(OUTCOMES), chance.choice(list(PRICES))
    characters, ms = chance.randint(1, 900), chance.choice([0.4, 3, 30, 300, 3_000, 40_000]) * chance.random()
    clock[0] = at.timestamp()
    ledger.record_request(
        RequestedClip(f"{chance.getrandbits(128):032x}", kind, voice, model, characters), outcome, ms / 1e3, 9
    )
    list_price = 0 if outcome in ("failed", "fallback") else characters * PRICES[model]
    requests = [Request(at, kind, voice, outcome, characters, list_price, ms)]
    if outcome in ("generated", "failed"):
        said = SpeechRequest(text="a" * characters, voice=voice, model=model)
        ledger.record_call(said, kind, list_price / 1e6, "ok" if list_price else "provider_failed")
        requests.append(Request(at, kind, voice, outcome, characters, list_price, is_call=True))
    return requests


EVERY_LOOK = list(product(BEGINS, ["", *VOICES], VIEWS))


def chosen(recorded: list[Request], name: str, voice: str, *, calls: bool = False) -> list[Request]:
    return [
        each
        for each in recorded
        if each.at >= BEGINS[name] and voice in ("", each.voice) and each.is_call == calls
    ]


def look(name: str, voice: str, view: str) -> Scope:
    return Scope.from_query({"range": name, "voice": voice, "view": view}, NOW)


def rate_of(requests: list[Request], view: str) -> float | None:
    weights = [(each.characters if view == "money" else 1, each.outcome in HITS) for each in requests]
    whole = sum(weight for weight, _ in weights)
    return 100 * sum(weight for weight, is_hit in weights if is_hit) / whole if whole else None


@pytest.mark.django_db
class TestFiveThousandRequests:
    @pytest.mark.parametrize(("name", "voice", "view"), EVERY_LOOK)
    def test_hit_rates_are_those_of_the_ledger(self, recorded, name, voice, view):
        found, mine = request_figures(look(name, voice, view)), chosen(recorded, name, voice)
        assert found.rate.requests == len(mine) > 0
        assert found.rate.percent == pytest.approx(rate_of(mine, view))
        for kind in found.kinds:
            of_kind = [each for each in mine if each.kind == kind.name]
            assert kind.rate.requests == len(of_kind)
            assert kind.rate.percent == pytest.approx(rate_of(of_kind, view))

    @pytest.mark.parametrize(("name", "voice", "view"), EVERY_LOOK)
    def test_money_in_the_report_is_that_of_the_ledger(self, recorded, name, voice, view):
        scope = look(name, voice, view)
        found = costs(scope, request_figures(scope).list_price_microusd)
        spent = sum(each.microusd for each in chosen(recorded, name, voice, calls=True))
        without = sum(each.microusd for each in chosen(recorded, name, voice))
        assert found.spent == pytest.approx(spent / 1e6)
        assert found.without == pytest.approx(without / 1e6)
        assert found.saved_percent == pytest.approx(100 * (without - spent) / without)

    @pytest.mark.parametrize(("name", "view"), list(product(BEGINS, VIEWS)))
    def test_every_step_of_the_report_is_that_of_the_ledger(self, recorded, name, view):
        """The ranges end at whole days, because the rollup keeps old requests by day."""
        scope = look(name, "", view)
        for kind in request_figures(scope).kinds:
            for begin, step in zip(scope.steps, kind.steps, strict=True):
                end = begin + scope.range.step
                mine = [each for each in chosen(recorded, name, "") if begin <= each.at < end]
                mine = [each for each in mine if each.kind == kind.name]
                assert step.requests == len(mine)
                assert step.percent == pytest.approx(rate_of(mine, view))

    @pytest.mark.parametrize(("name", "voice", "view"), EVERY_LOOK)
    def test_sources_in_the_report_are_those_of_the_ledger(self, recorded, name, voice, view):
        mine = chosen(recorded, name, voice)
        for source in request_figures(look(name, voice, view)).sources:
            of_source = [each for each in mine if each.outcome == source.outcome]
            weigh: Callable[[list[Request]], int] = (
                len if view == "requests" else lambda all_: sum(each.characters for each in all_)
            )
            assert source.requests == len(of_source)
            assert source.share == pytest.approx(100 * weigh(of_source) / weigh(mine))

    @pytest.mark.parametrize("name", BEGINS)
    def test_percentiles_lie_in_the_bucket_of_the_real_ones(self, recorded, name):
        for source in request_figures(look(name, "", "requests")).sources:
            waited = sorted(each.ms for each in chosen(recorded, name, "") if each.outcome == source.outcome)
            if source.outcome == "edge":  # counted from a log, without times
                assert (source.p50, source.p95, source.p99) == (None, None, None)
                continue
            for share, found in ((0.5, source.p50), (0.95, source.p95), (0.99, source.p99)):
                real = waited[max(0, -(-len(waited) * share // 1).__int__() - 1)]
                assert found is not None
                assert found.is_at_least == (real > 30_000)
                assert bucket_of(found.ms) == bucket_of(min(real, 30_000))

    def test_the_change_of_a_hit_rate_is_since_the_range_before(self, recorded):
        found = request_figures(look("7d", "nova", "requests"))
        begin = BEGINS["7d"]
        before = [each for each in recorded if begin - 7 * DAY <= each.at < begin and not each.is_call]
        then = rate_of([each for each in before if each.voice == "nova"], "requests")
        now = rate_of(chosen(recorded, "7d", "nova"), "requests")
        assert now is not None and then is not None
        assert found.change == pytest.approx(now - then)


@pytest.mark.django_db
@pytest.mark.parametrize(("days_ago", "is_told"), [(8, False), (13, True), (40, True)])
def test_a_change_is_shown_only_if_counts_cover_the_whole_range_before(days_ago, is_told):
    cache.clear()
    for hour in (NOW, BEGINS["7d"] - DAY, NOW - days_ago * DAY):
        figures = {"content_type": "question", "voice": "nova", "outcome": "memory", "requests": 30}
        Usage.objects.get_or_create(hour=hour, latency_bucket=1, defaults=figures)
    assert (request_figures(look("7d", "", "requests")).change is not None) is is_told


def bucket_of(ms: float) -> int:
    ends = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000)
    return bisect_left(ends, round(ms, 6))


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("hits", "requests", "tone"),
    [
        (0, 0, "none"),
        (0, 19, "none"),
        (19, 20, "good"),
        (94, 100, "below"),
        (90, 100, "below"),
        (89, 100, "far"),
    ],
)
def test_a_rate_has_a_colour_only_with_traffic_and_by_its_distance_from_the_target(hits, requests, tone):
    assert Rate(requests=requests, hits=hits, target=95.0).tone == tone
