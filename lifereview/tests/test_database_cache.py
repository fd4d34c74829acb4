from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import count

import pytest
from django.db import connection

from harness.statements import recorded_statements
from lifereview.database_cache import CULL_EVERY, CountingCache

pytestmark = pytest.mark.django_db


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch) -> Iterator[CountingCache]:
    monkeypatch.setattr(CountingCache, "_counts", count(1))
    cache = CountingCache("django_cache", {"OPTIONS": {"MAX_ENTRIES": 5}})
    cache.clear()
    yield cache
    cache.clear()


def test_the_database_cache_counts_in_one_statement(cache: CountingCache) -> None:
    with recorded_statements() as made:
        counts = [cache.count_in_window("caller", 60) for _ in range(3)]

    assert counts == [1, 2, 3]
    assert len(made) == 3


def test_the_database_cache_counts_callers_apart(cache: CountingCache) -> None:
    assert [cache.count_in_window(name, 60) for name in ("one", "other", "one")] == [1, 1, 2]


def test_an_expired_throttle_window_starts_anew(
    cache: CountingCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.count_in_window("caller", 60)
    later = time.time() + 61
    monkeypatch.setattr(time, "time", lambda: later)

    assert [cache.count_in_window("caller", 60) for _ in range(2)] == [1, 2]


def test_the_database_cache_removes_rows_beyond_its_limit(cache: CountingCache) -> None:
    for number in range(CULL_EVERY):
        cache.count_in_window(f"caller-{number}", 60)
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM django_cache")
        assert cursor.fetchone()[0] < CULL_EVERY - 10
