from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.optional import skipped_when_unavailable
from harness.planted_pickle import planted_pickle
from harness.valkey import ValkeyServer
from lifereview.caches.redis_cache import CountingRedisCache
from lifereview.env.databases import caches
from lifereview.env.reader import Environment

pytestmark = pytest.mark.any_database

COUNTS, PROCESSES = 200, 4


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    with skipped_when_unavailable(), ValkeyServer() as valkey:
        yield valkey


@pytest.fixture
def cache(valkey: ValkeyServer) -> CountingRedisCache:
    options = caches(Environment({"REDIS_URL": valkey.url}))["default"]["OPTIONS"]
    cache = CountingRedisCache(valkey.url, {"OPTIONS": options})
    cache.clear()
    return cache


def count_often(url: str) -> None:
    cache = CountingRedisCache(url, {})
    for _ in range(COUNTS):
        cache.count_in_window("caller", 60)


def test_callers_are_counted_apart(cache: CountingRedisCache) -> None:
    assert [cache.count_in_window(name, 60) for name in ("one", "other", "one")] == [1, 1, 2]


def test_no_count_of_several_processes_is_lost(cache: CountingRedisCache, valkey: ValkeyServer) -> None:
    spawned = multiprocessing.get_context("fork")
    processes = [spawned.Process(target=count_often, args=[valkey.url]) for _ in range(PROCESSES)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert cache.count_in_window("caller", 60) == COUNTS * PROCESSES + 1


def test_a_window_begins_anew_when_it_is_over(cache: CountingRedisCache) -> None:
    assert [cache.count_in_window("caller", 1) for _ in range(2)] == [1, 2]
    time.sleep(1.1)
    assert cache.count_in_window("caller", 1) == 1


def test_a_count_without_an_end_gets_one(cache: CountingRedisCache) -> None:
    """Two commands, one of them late, would leave such a count: its caller would be refused for ever."""
    cache.set("caller", 1_000, None)
    cache.count_in_window("caller", 60)
    client = cache._cache.get_client("caller")
    assert 0 < client.ttl(cache.make_key("caller")) <= 60


@pytest.mark.parametrize("value", ["a text", 17, 1.5, True, ["a", {"b": 2}]])
def test_redis_keeps_values_as_json(cache: CountingRedisCache, value: object) -> None:
    cache.set("key", value)
    stored = cache._cache.get_client("key").get(cache.make_key("key"))

    assert stored is not None
    assert json.loads(stored) == value
    assert cache.get("key") == value


def test_a_pickle_that_somebody_has_planted_in_redis_is_never_run(
    cache: CountingRedisCache, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    cache._cache.get_client("key").set(cache.make_key("key"), planted_pickle(ran))

    assert cache.get("key") is None
    assert not ran.exists()
    cache.set("key", "new")
    assert cache.get("key") == "new"


def test_redis_adds_to_a_value_that_was_set(cache: CountingRedisCache) -> None:
    cache.set("caller", 5, 60)

    assert cache.count_in_window("caller", 60) == 6
    assert cache.get("caller") == 6
