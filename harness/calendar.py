"""SetClock: Django's clock, set by a test, for whatever goes by `timezone.now()`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone

from ttscache.renditions import retirement


class SetClock:
    """Stands still at `now` until it is set anew. Leases go by the database's clock, which runs on."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = datetime.now(UTC)
        patch.setattr(timezone, "now", lambda: self.now)

    def set(self, day: date, hour: int = 12, minute: int = 0) -> None:
        self.now = datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)

    def each_day(self, first: date, last: date) -> Iterator[date]:
        """Set to the noon of each of these days in turn."""
        for number in range((last - first).days + 1):
            day = first + timedelta(days=number)
            self.set(day)
            yield day


AUTUMN = date(2026, 10, 1)  # more than 60 days before any announced shutdown
SHUTDOWN = date(2027, 1, 6)  # of tts-1-hd, as OpenAI has announced it


def stand_on(day: date, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on it is this day, for all that asks whether a model retires."""
    monkeypatch.setattr(retirement, "today", lambda: day)


def stand_before_shutdown(days: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many days before tts-1-hd is switched off; below 0 it has been."""
    stand_on(SHUTDOWN - timedelta(days=days), monkeypatch)
