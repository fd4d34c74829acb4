"""Scope: which days, which voice, and whether rates are by requests or by money.

Ranges are whole hours or days (UTC), because figures are counted by the hour.
"""

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
    """A length of time that ends with the present hour or day, drawn in steps."""

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
    """An empty `voice` stands for all voices. `view` is "requests", or "money" to weigh by characters."""

    range: Range
    since: datetime
    now: datetime
    voice: str = ""
    view: str = "requests"

    @classmethod
    def from_query(cls, given: Mapping[str, str], now: datetime | None = None) -> Scope:
        """Read the parameters of a page. Unknown values fall back to the usual range, voice and view."""
        now = now or timezone.now()
        chosen = next((each for each in RANGES if each.name == given.get("range")), USUAL)
        voice, view = given.get("voice", "")[:50], given.get("view", "")  # 50 is the length of the column
        return cls(
            chosen,
            chosen.since(now),
            now,
            voice if voice.isprintable() else "",  # PostgreSQL takes no NUL
            view if view in VIEWS else "requests",
        )

    @property
    def before(self) -> datetime:
        """The beginning of the previous range of the same length."""
        return self.since - self.range.length

    @property
    def steps(self) -> list[datetime]:
        number = -(-self.range.length // self.range.step)
        return [self.since + place * self.range.step for place in range(number)]

    @property
    def live_since(self) -> datetime:
        """The start of yesterday, or of a later range. Only late counts change figures before it."""
        return max(self.since, start_of_day(self.now) - DAY)

    @property
    def key(self) -> str:
        """A cache key for the past figures of this range and voice."""
        return f"{self.range.name}:{self.since:%Y%m%d%H}:{self.live_since:%Y%m%d%H}:{self.voice}"

    @property
    def by_voice(self) -> dict[str, str]:
        """Arguments of `filter()` for the voice; none for all voices."""
        return {"voice": self.voice} if self.voice else {}

    def within(self, since: datetime, until: datetime | None) -> dict[str, Any]:
        """Arguments of `filter()` for hours from `since` until before `until`, in the scope's voice."""
        return {"hour__gte": since} | ({"hour__lt": until} if until else {}) | self.by_voice

    @property
    def query(self) -> str:
        return urlencode({"range": self.range.name, "voice": self.voice, "view": self.view})
