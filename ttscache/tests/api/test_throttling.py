"""Whom a rate counts together, and what counts while the cache is away."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

import pytest
from django.core.cache.backends.locmem import LocMemCache
from django.db import OperationalError
from redis.exceptions import RedisError

from harness.http import at_once
from ttscache.api import throttling
from ttscache.api.throttling import AWAY_SECONDS, ReportThrottle, ScopedThrottle, _Counts, network_of

pytestmark = pytest.mark.any_database


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.7"),
        ("", ""),
    ],
)
def test_an_ipv6_home_is_counted_as_one_and_an_ipv4_address_as_itself(address: str, counted_as: str) -> None:
    assert network_of(address) == counted_as


# --- while the cache is away -----------------------------------------------------------------------------
class _Cache:
    """Stands for a cache that counts, or fails with this error."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.questions = 0

    def count_in_window(self, key: str, seconds: int) -> int:
        self.questions += 1
        if self.error is not None:
            raise self.error
        return 1_000


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Callable[[_Cache], _Counts]:
    """Counts of a process whose shared cache is this one."""

    def make(shared: _Cache) -> _Counts:
        found = {"default": shared, "process": LocMemCache(uuid.uuid4().hex, {})}
        monkeypatch.setattr(throttling, "caches", found)
        return _Counts()

    return make


def test_a_process_counts_by_itself_while_redis_is_away(
    counts: Callable[[_Cache], _Counts], monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = _Cache(RedisError())
    counting = counts(shared)

    assert [counting.count("caller", 60, ScopedThrottle.counts_here_after) for _ in range(3)] == [1, 2, 3]
    assert shared.questions == 1  # each question may wait for seconds
    shared.error, later = None, time.monotonic() + AWAY_SECONDS
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert counting.count("caller", 60, ScopedThrottle.counts_here_after) == 1_000


def test_no_count_of_one_process_is_lost_while_redis_is_away(counts: Callable[[_Cache], _Counts]) -> None:
    counting = counts(_Cache(RedisError()))
    found = at_once(50, lambda _: counting.count("caller", 60, ScopedThrottle.counts_here_after))

    assert sorted(found) == list(range(1, 51))  # type: ignore[type-var]


def test_a_database_that_is_away_refuses_what_needs_it_and_lets_reports_pass(
    counts: Callable[[_Cache], _Counts],
) -> None:
    counting = counts(_Cache(OperationalError()))
    with pytest.raises(OperationalError):
        counting.count("caller", 60, ScopedThrottle.counts_here_after)

    assert counting.count("caller", 60, ReportThrottle.counts_here_after) == 1
