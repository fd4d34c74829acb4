"""While Redis is away /readyz says so, and the log gets one line for each change."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from harness.optional import skipped_when_unavailable
from harness.valkey import ValkeyServer
from ttscache.adaptive_cache import Freshness, shared_result
from ttscache.api import throttling
from ttscache.monitoring.health import parts

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]


@pytest.fixture
def valkey(settings: Any) -> Iterator[ValkeyServer]:
    with skipped_when_unavailable(), ValkeyServer() as valkey:
        shared = {"BACKEND": "lifereview.caches.redis_cache.CountingRedisCache", "LOCATION": valkey.url}
        settings.CACHES = {**settings.CACHES, "default": shared}
        yield valkey


def redis_line() -> list[tuple[str, bool, bool]]:
    return [(each.detail, each.is_ready, each.is_warning) for each in parts() if each.name == "redis"]


def test_each_change_of_redis_is_one_log_line_and_a_warning_that_keeps_the_site_in_service(
    valkey: ValkeyServer, caplog: pytest.LogCaptureFixture
) -> None:
    def ask_for_everything() -> None:
        for _ in range(3):
            assert Client().post("/api/pre-cache-narratives").status_code < 500
            shared_result("test", lambda: 1, Freshness(times=1))
            parts()

    with caplog.at_level(logging.WARNING, "ttscache"):
        ask_for_everything()
        assert redis_line() == [("answers", True, False)]
        valkey.stop()
        ask_for_everything()
        assert redis_line() == [("it does not answer, so each process throttles by itself", True, True)]
        valkey.start()
        throttling._counts = throttling._Counts()  # which would ask again after ten seconds only
        ask_for_everything()
        assert redis_line() == [("answers", True, False)]
        assert cache.get("nothing") is None

    said = [record.getMessage() for record in caplog.records if "cache" in record.getMessage()]
    assert said == [
        "The cache does not answer: each process throttles by itself, and figures are not kept.",
        "The cache answers again.",
    ]


def test_a_site_without_redis_has_no_line_for_it() -> None:
    assert redis_line() == []
