"""Sets the day of a test for the code that asks whether a model retires."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.conf import settings

from ttscache.conf import conf
from ttscache.renditions import irreplaceable, retirement

AUTUMN = date(2026, 10, 1)  # more than 60 days before any announced shutdown
SHUTDOWN = date(2027, 1, 6)  # of tts-1-hd, as OpenAI has announced it


def stand_on(day: date, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set today's date for retirements only. Sessions, leases and request times use other clocks."""
    for module in (retirement, irreplaceable):
        monkeypatch.setattr(module, "_today", lambda: day)


def stand_before_shutdown(days: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the date to `days` before OpenAI switches tts-1-hd off (below 0: after), at OpenAI's address."""
    stand_on(SHUTDOWN - timedelta(days=days), monkeypatch)
    # Patch the test's own dictionary: pytest-django restores the setting itself, in its own order.
    monkeypatch.setitem(settings.TTSCACHE, "openai_base_url", "")
    conf.cache_clear()
