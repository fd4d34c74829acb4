"""SetClock: lets a test set Django's clock, `timezone.now()`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone


class SetClock:
    """A clock that stands still at `now` until it is set. The database's clock, and so leases, run on."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = datetime.now(UTC)
        patch.setattr(timezone, "now", lambda: self.now)

    def set(self, day: date, hour: int = 12, minute: int = 0) -> None:
        self.now = datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)

    def each_day(self, first: date, last: date) -> Iterator[date]:
        """Set the clock to noon of each day in turn."""
        for number in range((last - first).days + 1):
            day = first + timedelta(days=number)
            self.set(day)
            yield day
