"""The day on which a test stands, for all that asks whether a model retires."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.conf import settings

from ttscache.conf import conf
from ttscache.renditions import irreplaceable, retirement

AUTUMN = date(2026, 10, 1)  # more than 60 days before any announced shutdown
SHUTDOWN = date(2027, 1, 6)  # of tts-1-hd, as OpenAI has announced it


def stand_on(day: date, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on it is this day. Sessions, leases and what was requested when go by other clocks."""
    for module in (retirement, irreplaceable):
        monkeypatch.setattr(module, "_today", lambda: day)


def stand_before_shutdown(days: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many days before OpenAI switches tts-1-hd off; below 0 it has. At OpenAI's own address."""
    stand_on(SHUTDOWN - timedelta(days=days), monkeypatch)
    # In the test's own dictionary: the setting itself is put back by pytest-django, in an order of its own.
    monkeypatch.setitem(settings.TTSCACHE, "openai_base_url", "")
    conf.cache_clear()
