"""Databases of unreleased versions: later migrations were folded into the first ones before the release.

A database that has had all of them equals a new one. A database that has had only some of them lacks tables
and columns that no migration would add any more.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from typing import Any

from django.core.management.base import CommandError
from django.db import ProgrammingError
from django.db.migrations.recorder import MigrationRecorder

FOLDED = frozenset(
    {
        "narratives.0004_reflections",
        "narratives.0005_reflection_marks",
        "narratives.0006_wording",
        "narratives.0007_words_in_one_form",
        "narratives.0008_token_rights",
        "narratives.0009_publication_entries",
        "narratives.0010_allowance_and_wishes",
        "narratives.0011_chosen_theme",
        "ttscache.0006_forgotten_installations",
        "ttscache.0007_names_for_staff",
        "ttscache.0008_wording",
        "ttscache.0009_tokens",
        "ttscache.0010_refused_takes",
        "ttscache.0011_voice_and_time_to_sound",
        "ttscache.0012_edge_logs",
    }
)
LAST_FOLDED = "ttscache/migrations/0012_edge_logs.py"
# The migrations that now make the last tables of the folded ones.
_LAST_TABLES = {
    "narratives.0001_initial": "narratives_publishingwish",
    "ttscache.0003_schema": "ttscache_edgelogposition",
}


def applied_in(connection: Any) -> set[str]:
    """`app.name` of each migration that the database has, also the folded ones. Raises django.db.Error."""
    return {f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations()}


def has_only_some_folded(applied: Collection[str]) -> bool:
    """Whether a database has had a part of the folded migrations. Each one is `app.name`."""
    return 0 < len(FOLDED.intersection(applied)) < len(FOLDED)


def lacks_folded(applied: Collection[str], tables: Collection[str]) -> bool:
    """Whether a database has no tables of folded migrations, or not all, although it is past their place."""
    is_short = any(made in applied and table not in tables for made, table in _LAST_TABLES.items())
    return is_short or has_only_some_folded(applied)


def require_folded(connection: Any) -> None:
    """Raise CommandError, in one line, if the database is of an unreleased version before the last one."""
    applied: set[str] = set()
    with suppress(ProgrammingError):  # a table of another program: the adoption names it
        applied = applied_in(connection)
    # After the migrations: another host may make tables meanwhile.
    if applied and lacks_folded(applied, connection.introspection.table_names()):
        raise CommandError(
            f"The database {connection.settings_dict['NAME']} was made by an unreleased version of this "
            "product and lacks tables of later ones. Migrate it once with a checkout that still has "
            f"{LAST_FOLDED}, or put it aside (move VAR_DIR away, or set DATABASE_URL to an empty database) "
            "and start anew. Nothing was changed."
        )
