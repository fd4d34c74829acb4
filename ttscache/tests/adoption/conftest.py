"""Fixtures of the tests of adoption."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dj_database_url
import pytest
from django.db import connections

from harness.postgres import PostgresServer


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.create_database()


@pytest.fixture
def connection(url: str, django_db_blocker: Any) -> Iterator[Any]:
    with django_db_blocker.unblock():
        given = {"default": connections.databases["default"], "adopted": dj_database_url.parse(url)}
        connections.databases["adopted"] = connections.configure_settings(given)["adopted"]
        try:
            yield connections["adopted"]
        finally:
            connections["adopted"].close()
            del connections["adopted"], connections.databases["adopted"]
