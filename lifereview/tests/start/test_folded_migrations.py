"""A database of an unreleased version is refused unless it has all folded migrations."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from lifereview.start.folded_migrations import FOLDED, lacks_folded

pytestmark = pytest.mark.django_db


def note(*migrations: str) -> None:
    for each in migrations:
        MigrationRecorder(connection).record_applied(*each.split("."))


def drop(table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {table}")


def test_a_database_with_all_folded_migrations_has_nothing_to_migrate(
    capsys: pytest.CaptureFixture[str],
) -> None:
    note(*FOLDED)
    call_command("migrate")
    assert "No migrations to apply" in capsys.readouterr().out


def test_a_database_with_some_folded_migrations_is_refused() -> None:
    note(*sorted(FOLDED)[:-1])
    with pytest.raises(CommandError, match="was made by an unreleased version") as refused:
        call_command("migrate")
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize("table", ["ttscache_edgelogposition", "narratives_publishingwish"])
def test_a_database_from_before_all_folded_migrations_is_refused(table: str) -> None:
    drop(table)
    with pytest.raises(CommandError, match="and start anew"):
        call_command("migrate", "--plan")


def test_an_empty_database_and_one_of_the_earlier_system_are_no_unreleased_version() -> None:
    assert not lacks_folded([], [])
    assert not lacks_folded([], ["tts_cache", "tts_cache_files"])
    assert not lacks_folded(["ttscache.0002_align", "auth.0001_initial"], ["tts_cache"])
