"""Makes up a year of figures to show the dashboard.

They are added only where DEMO_DATA is set and nobody has asked for a clip, so that they never mix with real
ones; staff pages there say “(demo data)”. See `harness.demo_site`.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from django.core.cache import cache
from django.db import transaction
from django.utils import timezone

from ttscache.accounting.counters import DAILY_REQUESTS, PLAYBACK_STARTS, SPENDING, USAGE, Key
from ttscache.accounting.ledger import MISSES
from ttscache.accounting.rollup import HOURS_KEPT, start_of_day
from ttscache.conf import conf
from ttscache.models import Clip, ContentType, Usage
from ttscache.renditions.current import request_for

VOICES = ("nova", "onyx")
MODEL = "tts-1-hd"
USD_A_MILLION = 30
SEED = 2026

Counts = defaultdict[Key, list[int]]
UsageAndSpending = tuple[Counts, Counts]

KINDS = {  # share of requests, characters of a clip, share of hits in the first and in the last week
    ContentType.NARRATIVE: (0.22, 310, 0.96, 0.9995),
    ContentType.QUESTION: (0.52, 100, 0.90, 0.993),
    ContentType.ANALYSIS: (0.24, 170, 0.15, 0.66),
    ContentType.RESPONSE: (0.02, 220, 0.0, 0.0),
}
MADE_AHEAD = (ContentType.NARRATIVE, ContentType.QUESTION)
TIERS = {"memory": 0.72, "file": 0.2, "database": 0.08}
LATENCIES = {  # buckets, and how likely each is
    "memory": ((0, 0.6), (1, 0.3), (2, 0.1)),
    "file": ((1, 0.3), (2, 0.5), (3, 0.2)),
    "database": ((3, 0.3), (4, 0.5), (5, 0.2)),
    "collapsed": ((8, 0.4), (9, 0.6)),
    "generated": ((8, 0.2), (9, 0.5), (10, 0.25), (11, 0.05)),
    "failed": ((10, 0.5), (12, 0.5)),
}
IN_BROWSERS = ((5, 0.1), (6, 0.35), (7, 0.4), (8, 0.15))  # time that network and browser take for a hit
REFLECTIONS = (
    "Thank you for trusting this moment with your story.",
    "It sounds as though those mornings were a quiet kind of home.",
    "There is a lot of care in the way you tell this.",
    "You have carried that with you for a long time.",
    "What you learned there seems to have stayed with you.",
    "It takes courage to look back on a time like that.",
    "Some people leave a light on in us, long after they are gone.",
    "That small thing seems to have meant a great deal.",
    "You found a way through, and it became part of who you are.",
    "It can be good to let that memory rest here for a moment.",
    "Work like that shapes the hands, and the heart as well.",
    "I hear how much they meant to you.",
)


class RealFigures(Exception):
    """This site counts real requests, or may do so."""


def seed(days: int, now: datetime | None = None) -> int:
    """Add `days` days of figures; returns the number of their requests.

    Two calls with the same `now` add equal figures. Recent figures are hourly and old ones daily, like real
    ones. Raises RealFigures.
    """
    if not conf().has_demo_data:
        raise RealFigures("Demo data is added only to a site that has DEMO_DATA=1.")
    if Usage.objects.exists():
        raise RealFigures("Somebody has asked this site for clips, so it gets no demo data.")
    chance = random.Random(SEED)
    now = now or timezone.now()
    usage: Counts = defaultdict(lambda: [0, 0, 0, 0, 0])
    spending: Counts = defaultdict(lambda: [0, 0, 0])
    for hour, length in _hours(days, now):
        progress = 1 - (now - hour) / timedelta(days=days)
        requests = sum(_traffic(hour + timedelta(hours=each), chance) for each in range(length))
        for voice, part in zip(VOICES, (0.7, 0.3), strict=True):
            _fill_hour(
                chance, hour, voice, progress=progress, requests=part * requests, tables=(usage, spending)
            )
    starts = _playback_starts(usage)
    with transaction.atomic():
        USAGE.add(usage)
        SPENDING.add(spending)
        PLAYBACK_STARTS.add(starts)
        _seed_reflections(chance, days, now)
    cache.clear()  # the dashboard remembers what it counted before
    return sum(figures[0] for figures in usage.values())


def _hours(days: int, now: datetime) -> Iterator[tuple[datetime, int]]:
    """Yield the first hour of each row and the number of hours in it."""
    hour, first_kept = start_of_day(now) - timedelta(days=days - 1), start_of_day(now) - HOURS_KEPT
    while hour <= now:
        length = 24 if hour < first_kept else 1
        yield hour, length
        hour += timedelta(hours=length)


def _traffic(hour: datetime, chance: random.Random) -> float:
    """The number of requests in an hour: more by day than by night, and fewer at weekends."""
    by_day = 30 * max(0.05, math.sin((hour.hour - 6) / 16 * math.pi)) if 6 <= hour.hour <= 22 else 1.5
    return by_day * (0.6 if hour.weekday() >= 5 else 1) * chance.uniform(0.6, 1.4)


def _fill_hour(
    chance: random.Random,
    hour: datetime,
    voice: str,
    *,
    progress: float,
    requests: float,
    tables: UsageAndSpending,
) -> None:
    usage, spending = tables
    for kind, (share, characters, first, last) in KINDS.items():
        number = round(requests * share + chance.random() - 0.5)
        learned = first + (last - first) * min(1.0, progress * 3)
        hits = sum(chance.random() < learned for _ in range(number))
        outcomes = {tier: round(hits * part) for tier, part in TIERS.items()}
        outcomes["memory"] += hits - sum(outcomes.values())
        misses = number - hits
        outcomes["failed"] = sum(chance.random() < 0.02 for _ in range(misses))
        outcomes["collapsed"] = sum(chance.random() < 0.1 for _ in range(misses - outcomes["failed"]))
        outcomes["generated"] = misses - outcomes["failed"] - outcomes["collapsed"]
        for outcome, count in outcomes.items():
            for bucket, part in _drawn(chance, count, LATENCIES[outcome]):
                length = round(part * characters * chance.uniform(0.9, 1.1))
                list_price = 0 if outcome == "failed" else length * USD_A_MILLION
                row = usage[hour, kind, voice, outcome, bucket]
                ahead = part if kind in MADE_AHEAD and outcome in TIERS else 0
                counts = (part, length, part * characters * 600, list_price, ahead)
                row[:] = map(sum, zip(row, counts, strict=True))
        made, failed = outcomes["generated"], outcomes["failed"]
        for outcome, calls in (("ok", made), ("provider_timeout", failed)):
            if calls:
                cost = calls * characters * USD_A_MILLION if outcome == "ok" else 0
                spending[hour, kind, voice, MODEL, outcome] = [calls, calls * characters, cost]


def _drawn(chance: random.Random, count: int, buckets: Sequence[tuple[int, float]]) -> list[tuple[int, int]]:
    """Distribute `count` over the buckets by their probabilities."""
    drawn = chance.choices([bucket for bucket, _ in buckets], [part for _, part in buckets], k=count)
    return [(bucket, drawn.count(bucket)) for bucket in sorted(set(drawn))]


def _playback_starts(usage: Counts) -> Counts:
    """One playback start for each served clip, except people's own words, which no page plays."""
    chance = random.Random(SEED)  # a generator of its own, so that it does not change the other figures
    starts: Counts = defaultdict(lambda: [0])
    for (hour, kind, voice, outcome, bucket), (requests, *_) in usage.items():
        if outcome == "failed" or kind == ContentType.RESPONSE:
            continue
        waited = [(bucket + 1, 1.0)] if outcome in MISSES else IN_BROWSERS
        for place, number in _drawn(chance, requests, waited):
            starts[hour, kind, voice, place][0] += number
    return starts


def _seed_reflections(chance: random.Random, days: int, now: datetime) -> None:
    """Record shareable reflections without audio, so that the dashboard lists them."""
    requests = [request_for(text, voice) for text in REFLECTIONS for voice in VOICES]
    Clip.objects.record_all(requests, ContentType.ANALYSIS, are_shareable=True)
    today = start_of_day(now).date()
    rows: dict[Key, list[int]] = {}
    for place, request in enumerate(requests):
        for age in range(min(days, 365)):
            plays = int(chance.expovariate(1) * 6 / (1 + place)) or int(not age)
            if plays:
                rows[today - timedelta(days=age), request.content_hash] = [plays]
    DAILY_REQUESTS.add(rows)
