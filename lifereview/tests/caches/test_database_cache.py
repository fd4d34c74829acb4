from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from django.db import connection

from harness.planted_pickle import planted_pickle
from harness.statements import recorded_statements
from lifereview.caches.database_cache import CULL_EVERY, CountingCache

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


@pytest.mark.parametrize("value", ["a text", 17, 1.5, True, None, ["a", {"b": 2}]])
def test_the_database_cache_keeps_values_as_json(cache: CountingCache, value: object) -> None:
    cache.set("key", value)
    with connection.cursor() as cursor:
        cursor.execute("SELECT value FROM django_cache")
        assert [json.loads(text) for (text,) in cursor.fetchall()] == [value]

    assert cache.get("key", "nothing") == value


def test_a_pickle_that_somebody_has_planted_in_the_database_cache_is_never_run(
    cache: CountingCache, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    cache.set("key", "harmless")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE django_cache SET value = %s", [b64encode(planted_pickle(ran)).decode()])

    assert cache.get("key") is None
    assert cache.get_many(["key"]) == {}
    assert not ran.exists()
    cache.set("key", "new")
    assert cache.get("key") == "new"


def test_an_expired_value_of_the_database_cache_is_not_there(
    cache: CountingCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.set("key", "value", 60)
    cache.set("kept", "value", None)
    assert not cache.add("key", "other", 60)
    assert cache.touch("key", 120)
    later = time.time() + 61
    monkeypatch.setattr(time, "time", lambda: later)
    assert cache.get("key") == "value"
    later += 60

    assert cache.get("key", "gone") == "gone"
    assert cache.get("kept") == "value"
    assert not cache.touch("key", 60)
    assert cache.add("key", "other", 60)


def test_a_count_in_the_database_cache_can_be_read_and_added_to(cache: CountingCache) -> None:
    cache.count_in_window("caller", 60)

    assert cache.incr("caller", 5) == 6
    assert cache.get("caller") == 6
    assert cache.count_in_window("caller", 60) == 7
    with pytest.raises(ValueError):
        cache.incr("nobody")


def test_an_old_sqlite_counts_within_a_transaction(
    cache: CountingCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection.features, "can_return_columns_from_insert", False)

    assert [cache.count_in_window("caller", 60) for _ in range(3)] == [1, 2, 3]
    assert cache.incr("caller", 2) == 5
    with pytest.raises(ValueError):
        cache.incr("nobody")
