"""Reports are cached: the slower a report, the longer it is kept."""

from __future__ import annotations

import json
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from ttscache.adaptive_cache import key_of
from ttscache.maintenance.pruning import Stale
from ttscache.reports.cached import remembered
from ttscache.reports.storage import StaleTotal, note_stale_total, stale_total

pytestmark = pytest.mark.django_db

KEY = key_of("figures:sum")
REFRESHING = f"{KEY}:refreshing"


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    cache.clear()


@pytest.fixture
def find_slowly(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], Any]:
    """A function that computes the report "known" in this many seconds."""

    def find(seconds: float) -> Any:
        moments = iter([10.0, 10.0 + seconds])
        with monkeypatch.context() as patch:
            patch.setattr(time, "monotonic", lambda: next(moments))
            return remembered("sum", lambda: "known")

    return find


@pytest.fixture
def go_forward(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """A function that moves the clock forward."""
    real: Callable[[], datetime] = timezone.now

    def go(ahead: timedelta) -> None:
        monkeypatch.setattr(timezone, "now", lambda: real() + ahead)

    return go


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The threads that would refresh the report."""
    begun: list[Any] = []

    def start(thread: Any) -> None:
        begun.append(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    return begun


def test_a_report_that_took_two_seconds_is_fresh_for_eighty(find_slowly: Callable[[float], Any]) -> None:
    assert find_slowly(2).good_for == timedelta(seconds=80)


@pytest.mark.parametrize(
    ("age", "is_counted_anew"),
    [((2, 0), True), ((2, 4.5), False), ((4, 4.5), True), ((0, 0), False)],
    ids=["quick and old", "slow and young", "slow and old", "quick and young"],
)
def test_an_expired_report_is_shown_while_it_is_refreshed(
    age: tuple[int, float],
    is_counted_anew: bool,
    started: list[Any],
    find_slowly: Callable[[float], Any],
    go_forward: Callable[[timedelta], None],
) -> None:
    minutes, took_seconds = age
    find_slowly(took_seconds)
    go_forward(timedelta(minutes=minutes))
    assert remembered("sum", lambda: "found").found == "known"
    assert bool(started) is bool(cache.get(REFRESHING)) is is_counted_anew


def test_a_report_older_than_a_day_is_not_shown(
    find_slowly: Callable[[float], Any], go_forward: Callable[[timedelta], None]
) -> None:
    find_slowly(timedelta(days=7).total_seconds())
    go_forward(timedelta(days=1, minutes=1))
    assert remembered("sum", lambda: "found").found == "found"


def test_a_clock_set_back_keeps_no_report_fresh_for_longer(
    started: list[Any], find_slowly: Callable[[float], Any], go_forward: Callable[[timedelta], None]
) -> None:
    find_slowly(0)
    go_forward(timedelta(hours=-2))
    remembered("sum", lambda: "found")
    assert started


@pytest.mark.any_database
def test_reports_are_computed_each_time_while_the_cache_is_down(settings: Any) -> None:
    nobody = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1"}
    settings.CACHES = {**settings.CACHES, "default": nobody}
    found = iter([1, 2])
    assert [remembered("sum", lambda: next(found)).found for _ in range(2)] == [1, 2]


# --- after an upgrade --------------------------------------------------------------------------------------
# The format of Django's database cache.
PICKLE_OF_A_CLASS_THAT_IS_GONE = b64encode(b"cttscache.vanished\nNotAskedFor\n.").decode()


def make_unreadable() -> None:
    """Replace every cached value by one that is none of ours."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE django_cache SET value = %s", [PICKLE_OF_A_CLASS_THAT_IS_GONE])


def test_cached_reports_are_plain_data(find_slowly: Callable[[float], Any]) -> None:
    find_slowly(2)
    stored = json.loads(cache.get(KEY))
    assert (stored["found"], stored["good_for"]) == ("known", 80.0)


@pytest.mark.parametrize("stored", ["no JSON", "[]", "{}", '{"found": 1, "as_of": 1, "good_for": ""}', 7])
def test_a_cached_report_of_another_shape_is_computed_anew(stored: object) -> None:
    cache.set(KEY, stored)
    assert remembered("sum", lambda: "found").found == "found"


def test_an_unreadable_cached_note_counts_as_absent() -> None:
    note_stale_total(90, Stale((), 0, 0.0, 0))
    assert (noted := stale_total()) is not None
    assert noted.found == StaleTotal(0, 0, 0.0)
    make_unreadable()
    assert stale_total() is None


def test_dashboard_opens_with_an_unreadable_cache(admin_client: Client) -> None:
    for _ in range(2):
        assert admin_client.get(reverse("admin:index")).status_code == 200
        make_unreadable()
