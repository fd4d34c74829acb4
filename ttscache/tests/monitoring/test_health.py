"""GET /readyz is cheap, because anybody may call it at any time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core import checks
from django.core.checks.registry import registry
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.test.utils import CaptureQueriesContext

from ttscache.models import Rendition
from ttscache.monitoring import health
from ttscache.renditions.current import forget_renditions

pytestmark = pytest.mark.django_db


def database_line() -> str:
    return next(part.detail for part in health.parts() if part.name == "database")


@pytest.fixture(autouse=True)
def _new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "migrations", health.Migrations())
    health.problem_with_settings.cache_clear()


@pytest.fixture
def checked() -> Iterator[list[int]]:
    """A list that grows by one each time all system checks run."""
    runs: list[int] = []

    def count(**_: Any) -> list[checks.CheckMessage]:
        runs.append(1)
        return []

    check: Any = count
    checks.register(check)
    yield runs
    registry.registered_checks.remove(check)


@pytest.fixture
def pending_migration() -> str:
    """The last migration of ttscache, recorded as not applied."""
    recorder = MigrationRecorder(connection)
    name = max(name for app, name in recorder.applied_migrations() if app == "ttscache")
    recorder.record_unapplied("ttscache", name)
    return name


def test_the_system_checks_run_once_in_a_process(checked: list[int]) -> None:
    for _ in range(3):
        Client().get("/readyz")
    assert len(checked) == 1


def test_applied_migrations_are_looked_up_once() -> None:
    Client().get("/readyz")
    with CaptureQueriesContext(connection) as queries:
        Client().get("/readyz")

    assert database_line() == connection.vendor
    assert len(queries) <= 5  # one of them reads the schedules
    assert not [query for query in queries if "django_migrations" in query["sql"]]


def test_a_pending_migration_is_not_looked_up_at_each_call(pending_migration: str) -> None:
    assert "migrations are waiting" in database_line()
    with CaptureQueriesContext(connection) as queries:
        assert "migrations are waiting" in database_line()
    assert not [query for query in queries if "django_migrations" in query["sql"]]


def test_readyz_is_ready_once_the_migration_is_applied(
    pending_migration: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PENDING_SECONDS", 0)
    assert "migrations are waiting" in database_line()
    MigrationRecorder(connection).record_applied("ttscache", pending_migration)
    assert database_line() == connection.vendor


class TestProviderSettings:
    @pytest.fixture(autouse=True)
    def _paid(self, settings: Any) -> None:
        given = {"provider": "openai", "openai_api_key": "k", "model": "gpt-realtime-2.1-mini"}
        settings.TTSCACHE = {**settings.TTSCACHE, **given}

    def line(self) -> str:
        forget_renditions()
        return next(part.detail for part in health.parts() if part.name == "provider settings")

    def play(self, listener_voice: str, model: str) -> None:
        Rendition.objects.create(
            listener_voice=listener_voice, provider="openai", model=model, voice="marin", state="live"
        )

    def test_without_renditions_readyz_names_the_model_of_the_settings(self) -> None:
        assert self.line() == "openai, gpt-realtime-2.1-mini"

    def test_readyz_names_the_model_that_listeners_hear(self) -> None:
        for voice in ("nova", "onyx"):
            self.play(voice, "tts-1-hd")
        assert self.line() == "openai, tts-1-hd (the settings ask for openai, gpt-realtime-2.1-mini)"

    def test_readyz_names_each_voice_where_their_models_differ(self) -> None:
        self.play("nova", "tts-1-hd")
        assert self.line() == "nova: openai, tts-1-hd; onyx: openai, gpt-realtime-2.1-mini"
