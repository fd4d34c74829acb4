"""Scope: what a look at the figures is about. Ranges are whole hours or days (UTC), as figures are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.utils import timezone

from ttscache.accounting.rollup import start_of_day

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Range:
    """`length` of time that ends with the present hour or day, drawn in steps."""

    name: str
    label: str
    length: timedelta
    step: timedelta

    def since(self, now: datetime) -> datetime:
        if self.step == HOUR:
            return now.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + HOUR - self.length
        return start_of_day(now) + DAY - self.length


RANGES = (
    Range("24h", "24 hours", DAY, HOUR),
    Range("7d", "7 days", 7 * DAY, DAY),
    Range("30d", "30 days", 30 * DAY, DAY),
    Range("90d", "90 days", 90 * DAY, DAY),
    Range("365d", "A year", 52 * WEEK, WEEK),
)
VIEWS = {"requests": "Requests", "money": "Money"}
USUAL = RANGES[1]


@dataclass(frozen=True, slots=True)
class Scope:
    """`voice`: of all voices where it is empty. `view`: hit rates by requests, or by money (characters)."""

    range: Range
    since: datetime
    now: datetime
    voice: str = ""
    view: str = "requests"

    @classmethod
    def from_query(cls, given: Mapping[str, str], now: datetime | None = None) -> Scope:
        """From the parameters of a page; what is not known is as usual."""
        now = now or timezone.now()
        chosen = next((each for each in RANGES if each.name == given.get("range")), USUAL)
        voice, view = given.get("voice", "")[:50], given.get("view", "")
        return cls(
            chosen,
            chosen.since(now),
            now,
            voice if voice.isprintable() else "",  # PostgreSQL takes no NUL
            view if view in VIEWS else "requests",
        )

    @property
    def before(self) -> datetime:
        """Where the range of the same length begins that came before."""
        return self.since - self.range.length

    @property
    def steps(self) -> list[datetime]:
        number = -(-self.range.length // self.range.step)
        return [self.since + place * self.range.step for place in range(number)]

    @property
    def live_since(self) -> datetime:
        """Yesterday's first hour at the latest: before it counts change no more, unless some come late."""
        return max(self.since, start_of_day(self.now) - DAY)

    @property
    def key(self) -> str:
        """Names its range and voice, and what of it is past."""
        return f"{self.range.name}:{self.since:%Y%m%d%H}:{self.live_since:%Y%m%d%H}:{self.voice}"

    @property
    def by_voice(self) -> dict[str, str]:
        """For filter()."""
        return {"voice": self.voice} if self.voice else {}

    def within(self, since: datetime, until: datetime | None) -> dict[str, Any]:
        """For filter(): from `since` on and before `until`, in its voice."""
        return {"hour__gte": since} | ({"hour__lt": until} if until else {}) | self.by_voice

    @property
    def query(self) -> str:
        return urlencode({"range": self.range.name, "voice": self.voice, "view": self.view})
