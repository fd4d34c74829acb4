from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from harness.optional import skipped_when_unavailable
from harness.valkey import ValkeyServer


@pytest.fixture(scope="module")
def server() -> Iterator[ValkeyServer]:
    with skipped_when_unavailable(), ValkeyServer() as server:
        yield server


def test_valkey_keeps_values_until_it_stops(server: ValkeyServer) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.set("word", "kept")
        assert client.get("word") == b"kept"
        server.stop()
        with pytest.raises(redis.ConnectionError):
            client.get("word")
        server.start()
        assert client.get("word") is None
