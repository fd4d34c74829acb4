"""Requests for clips, from Usage: hit rates, where sound came from, how long it took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from django.db.models import Sum

from ttscache.accounting.ledger import HITS, LATENCY_BUCKETS_MS, OUTCOMES, UNPRICED, UNTIMED
from ttscache.conf import conf
from ttscache.models import ContentType, Usage, kind_of
from ttscache.reports.cached import PAST_FRESH, remembered, rows_in
from ttscache.reports.percentiles import Latency, percentile
from ttscache.reports.scope import Scope
from ttscache.reports.time_steps import StepOf

ENOUGH_REQUESTS = 20  # with fewer, a rate says little and is shown without colour
FAR_BELOW = 5.0  # percentage points under a target


@dataclass(slots=True)
class Rate:
    """The hit rate, by requests and by money (characters)."""

    requests: int = 0
    hits: int = 0
    characters: int = 0
    hit_characters: int = 0
    view: str = "requests"
    target: float | None = None

    def add(self, outcome: str, requests: int, characters: int) -> None:
        self.requests += requests
        self.characters += characters
        if outcome in HITS:
            self.hits += requests
            self.hit_characters += characters

    @property
    def percent(self) -> float | None:
        """hits / requests; by money, characters of hits / characters of all requests. None without any."""
        by_money = self.hit_characters, self.characters
        part, whole = by_money if self.view == "money" else (self.hits, self.requests)
        return 100 * part / whole if whole else None

    @property
    def tone(self) -> str:
        """ "none" without a target or with hardly any traffic; else "good", "below" or "far"."""
        percent = self.percent
        if percent is None or self.target is None or not self.is_telling:
            return "none"
        return tone_of(percent, self.target)

    @property
    def is_telling(self) -> bool:
        return self.requests >= ENOUGH_REQUESTS


def tone_of(percent: float, target: float) -> str:
    if percent >= target:
        return "good"
    return "below" if percent >= target - FAR_BELOW else "far"


@dataclass(frozen=True, slots=True)
class Kind:
    """The hit rate of one content type, over the whole range and for each step."""

    name: str
    label: str
    rate: Rate
    steps: list[Rate]


class ByLatency:
    """Counts by latency bucket. `within(0.95)` is the time within which 95% were answered."""

    buckets: Counter[int]

    def within(self, share: float) -> Latency | None:
        return percentile(self.buckets, share, LATENCY_BUCKETS_MS)

    @property
    def p50(self) -> Latency | None:
        return self.within(0.50)

    @property
    def p95(self) -> Latency | None:
        return self.within(0.95)

    @property
    def p99(self) -> Latency | None:
        return self.within(0.99)


@dataclass
class Source(ByLatency):
    """One outcome of requests. Latency is server time, from the request to the first byte."""

    outcome: str
    share: float | None = None  # of all requests (or characters), in percent
    requests: int = 0
    characters: int = 0
    buckets: Counter[int] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class RequestFigures:
    """All requests in the range. `list_price_microusd` is the price of the clips served, by step."""

    rate: Rate
    before: Rate
    kinds: list[Kind]
    sources: list[Source]
    list_price_microusd: list[int]

    @property
    def change(self) -> float | None:
        """Percentage points since the range before.

        None if one of the two ranges has no requests, or if counting began later than the earlier one.
        """
        now, then = self.rate.percent, self.before.percent
        return None if now is None or then is None else now - then

    def source_of(self, outcomes: Iterable[str]) -> Source:
        """Several outcomes added up to one source."""
        total = Source("")
        for source in self.sources:
            if source.outcome in outcomes:
                total.requests += source.requests
                total.characters += source.characters
                total.buckets.update(source.buckets)
        return total


def request_figures(scope: Scope) -> RequestFigures:
    """Count the requests of the scope. The database groups them, so few rows are read. Raises Error."""
    rows = rows_in(scope, "requests", partial(_rows, scope))
    number = len(scope.steps)
    rate = Rate(view=scope.view)
    kinds = {name: _rate(scope, name) for name in ContentType.values}
    steps = {name: [_rate(scope, name) for _ in range(number)] for name in ContentType.values}
    sources = {outcome: Source(outcome) for outcome in OUTCOMES}
    list_price_microusd = [0] * number
    for step, content_type, outcome, bucket, requests, characters, microusd in rows:
        # A row of an hour that began after the scope was made counts in the last step.
        kind, place = kind_of(content_type), min(step, number - 1)
        for each in (rate, kinds[kind], steps[kind][place]):
            each.add(outcome, requests, characters)
        source = sources[outcome]
        source.requests += requests
        source.characters += characters
        if outcome not in UNTIMED:
            source.buckets[bucket] += requests
        if outcome not in UNPRICED:
            list_price_microusd[place] += microusd
    _share(sources.values(), scope.view)
    return RequestFigures(
        rate,
        _before(scope),
        [Kind(name, ContentType(name).label, kinds[name], steps[name]) for name in ContentType.values],
        list(sources.values()),
        list_price_microusd,
    )


def _rows(scope: Scope, since: datetime, until: datetime | None) -> list[Any]:
    """Rows of (step, content type, outcome, bucket, requests, characters, list price in microdollars)."""
    return list(
        Usage.objects.filter(**scope.within(since, until))
        .order_by()
        .annotate(step=StepOf("hour", scope.since, scope.range.step))
        .values_list("step", "content_type", "outcome", "latency_bucket")
        .annotate(
            requests_=Sum("requests"),
            characters_=Sum("characters"),
            list_price_=Sum("list_price_microusd"),
        )
    )


def is_anything_counted() -> bool:
    return Usage.objects.exists()


def _before(scope: Scope) -> Rate:
    rate = Rate(view=scope.view)
    past = remembered(f"before:{scope.key}", lambda: _rows_before(scope), PAST_FRESH, list[Any])
    for outcome, requests, characters in past.found:
        rate.add(outcome, requests, characters)
    return rate


def _rows_before(scope: Scope) -> list[Any]:
    """Rows of (outcome, requests, characters); none if counting began later than that range."""
    if not Usage.objects.filter(hour__lt=scope.before + scope.range.step, **scope.by_voice).exists():
        return []
    return list(
        Usage.objects.filter(**scope.within(scope.before, scope.since))
        .order_by()
        .values_list("outcome")
        .annotate(requests_=Sum("requests"), characters_=Sum("characters"))
    )


def _rate(scope: Scope, content_type: str) -> Rate:
    target = conf().hit_rate_targets.get(content_type)  # a type without one has none
    return Rate(view=scope.view, target=None if target is None else round(100 * target, 6))


def _share(sources: Iterable[Source], view: str) -> None:
    counted = {
        source.outcome: source.characters if view == "money" else source.requests for source in sources
    }
    whole = sum(counted.values())
    for source in sources:
        source.share = 100 * counted[source.outcome] / whole if whole else None
