"""Threads return their database connections to the pool, which is small."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import OperationalError, connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from harness.postgres import IS_ON_POSTGRESQL
from harness.waiting import wait_until
from ttscache.connections import OrmThreadPool, PoolWatch, start_thread

pytestmark = pytest.mark.django_db(transaction=True)


def figures_are_being_refreshed() -> bool:
    return any(thread.name == "figures" for thread in threading.enumerate())


def assert_has_all_its_connections(pool: Any) -> None:
    """Check that the pool has all its connections and refused none. A new one counts before it is open."""
    wait_until(
        lambda: (figures := pool.get_stats())["pool_available"] == figures["pool_size"],
        "all connections to be returned",
        seconds=5,
    )
    assert pool.get_stats().get("requests_errors", 0) == 0


if IS_ON_POSTGRESQL:

    def test_refreshing_the_dashboard_returns_every_connection_to_the_pool(
        pool: Any, admin_client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cache.clear()
        begin = timezone.now()
        for look in range(pool.max_size + 2):
            monkeypatch.setattr(timezone, "now", lambda hours=look: begin + timedelta(hours=hours))
            assert admin_client.get(reverse("admin:index")).status_code == 200
            wait_until(lambda: not figures_are_being_refreshed(), "the figures")
        connection.close()

        assert_has_all_its_connections(pool)

    def test_a_thread_that_ends_returns_its_connection(pool: Any) -> None:
        for _ in range(pool.max_size + 1):
            start_thread(lambda: cache.get("anything"), name="asking").join()

        assert_has_all_its_connections(pool)

    def test_a_worker_returns_its_connection_after_each_piece_of_work_that_fails_too(pool: Any) -> None:
        def ask() -> None:
            cache.get("anything")
            raise LookupError

        with OrmThreadPool(pool.max_size + 1) as workers:
            for done in [workers.submit(ask) for _ in range(20)]:
                assert isinstance(done.exception(), LookupError)
            assert_has_all_its_connections(pool)

    @pytest.fixture
    def taken_connections(pool: Any) -> Iterator[list[Any]]:
        """All connections of the pool. It has none left while the test runs."""
        pool.open()
        taken_connections = [pool.getconn() for _ in range(pool.max_size)]
        yield taken_connections
        for each in taken_connections:
            pool.putconn(each)

    def look_without_success(watch: PoolWatch) -> None:
        with pytest.raises(OperationalError):
            watch.look()

    def test_a_pool_that_gave_nobody_a_connection_for_three_looks_is_lost(
        taken_connections: list[Any],
    ) -> None:
        watch = PoolWatch()
        look_without_success(watch)  # earlier looks do not count: the pool still gave out connections
        for _ in range(watch.LOOKS):
            assert not watch.is_lost
            look_without_success(watch)
        assert watch.is_lost

        watch.start_anew()
        watch.look()
        assert not watch.is_lost

    def test_a_busy_pool_is_not_lost(pool: Any, taken_connections: list[Any]) -> None:
        watch = PoolWatch()
        for _ in range(watch.LOOKS + 1):
            look_without_success(watch)
            pool.putconn(taken_connections.pop())
            taken_connections.append(pool.getconn())
        assert not watch.is_lost
