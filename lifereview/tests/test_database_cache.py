from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
from django.core.cache.backends.db import DatabaseCache

from harness.statements import recorded_statements
from lifereview.database_cache import CULL_EVERY, UpsertCache

pytestmark = pytest.mark.django_db


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch) -> Iterator[UpsertCache]:
    monkeypatch.setattr(UpsertCache, "_writes", count(1))
    cache = UpsertCache("django_cache", {"OPTIONS": {"MAX_ENTRIES": 5}})
    cache.clear()
    yield cache
    cache.clear()


@pytest.fixture
def djangos() -> DatabaseCache:
    return DatabaseCache("django_cache", {})


@pytest.mark.parametrize("value", ["words", [1.5, 2.5], {"a": None}, b"\x00\xff"], ids=str)
def test_what_is_set_can_be_read_by_django(cache: UpsertCache, djangos: DatabaseCache, value: object) -> None:
    cache.set("key", "before", 60)
    cache.set("key", value, 60)

    assert cache.get("key") == djangos.get("key") == value


def test_a_value_expires(cache: UpsertCache) -> None:
    cache.set("over", 1, -1)
    cache.set("for-ever", 1, None)

    assert cache.get("over") is None
    assert cache.get("for-ever") == 1


def test_a_write_is_one_statement(cache: UpsertCache) -> None:
    with recorded_statements() as made:
        cache.set("key", 1, 60)
        cache.set("key", 2, 60)

    assert len(made) == 2


def test_rows_beyond_the_most_are_removed_in_time(cache: UpsertCache) -> None:
    for number in range(CULL_EVERY):
        cache.set(f"key-{number}", number, 60)

    held = sum(cache.get(f"key-{number}") is not None for number in range(CULL_EVERY))
    assert held < CULL_EVERY - 10
