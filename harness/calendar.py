"""The day on which tests stand. Models retire on fixed days, and no test may change its mind on one."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from ttscache.renditions import retirement

AUTUMN = date(2026, 10, 1)  # more than 60 days before any announced shutdown
SHUTDOWN = date(2027, 1, 6)  # of tts-1-hd, as OpenAI has announced it


def stand_on(day: date, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on it is this day, for all that asks whether a model retires."""
    monkeypatch.setattr(retirement, "today", lambda: day)


def stand_before_shutdown(days: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many days before tts-1-hd is switched off; below 0 it has been."""
    stand_on(SHUTDOWN - timedelta(days=days), monkeypatch)
