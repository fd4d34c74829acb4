"""What takes the database long is asked now and then, the more rarely the longer it takes."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone

from ttscache.reports.cached import Remembered, remembered

pytestmark = pytest.mark.django_db

REFRESHING = "figures-2:sum:refreshing"


def known_since(minutes: int, **fields: Any) -> None:
    as_of = timezone.now() - timedelta(minutes=minutes)
    cache.set("figures-2:sum", Remembered("known", as_of, **fields))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The threads that would look anew."""
    begun: list[Any] = []

    def start(thread: Any) -> None:
        begun.append(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    return begun


def test_a_look_that_took_two_seconds_is_good_for_eighty(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([10.0, 12.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(moments))
    assert remembered("sum", lambda: "found").good_for == timedelta(seconds=80)


@pytest.mark.parametrize(
    ("minutes", "good_for", "is_asked_anew"),
    [(2, 0, True), (2, 3, False), (4, 3, True), (0, 0, False)],
    ids=["quick and old", "slow and young", "slow and old", "quick and young"],
)
def test_it_is_shown_and_asked_anew_once_it_is_no_longer_good(
    minutes: int, good_for: int, is_asked_anew: bool, started: list[Any]
) -> None:
    known_since(minutes, good_for=timedelta(minutes=good_for))
    assert remembered("sum", lambda: "found").found == "known"
    assert bool(started) is bool(cache.get(REFRESHING)) is is_asked_anew


def test_what_is_older_than_a_day_is_not_shown() -> None:
    known_since(24 * 60 + 1, good_for=timedelta(days=7))
    assert remembered("sum", lambda: "found").found == "found"


@pytest.mark.any_database
def test_where_the_cache_is_down_it_is_found_each_time(settings: Any) -> None:
    nobody = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1"}
    settings.CACHES = {**settings.CACHES, "default": nobody}
    found = iter([1, 2])
    assert [remembered("sum", lambda: next(found)).found for _ in range(2)] == [1, 2]
