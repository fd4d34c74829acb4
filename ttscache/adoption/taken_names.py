"""Finds tables of another program that have the names of ours, before anything is made."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db import ProgrammingError
from django.db.migrations.recorder import MigrationRecorder

from ttscache.adoption import TABLES, catalogue
from ttscache.adoption.plan_types import CannotAdopt


def migrations_noted_in(connection: Any) -> set[tuple[str, str]]:
    """The migrations that this database has had. Raises CannotAdopt if the table is of another program."""
    try:
        return set(MigrationRecorder(connection).applied_migrations())
    except ProgrammingError as error:
        raise CannotAdopt(
            "The table django_migrations is of another program: rename it, or give this site a schema of its "
            "own in the search path, then migrate."
        ) from error


def check_names(connection: Any, applied: set[tuple[str, str]]) -> None:
    """Raise CannotAdopt if a table is there that a first migration would make, except the adopted ones."""
    begun = {label for label, _ in applied}
    ours = [
        model._meta.db_table
        for app in apps.get_app_configs()
        if app.label not in begun
        for model in app.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy and model._meta.db_table not in TABLES
    ]
    with connection.cursor() as cursor:
        taken = catalogue.names_in_use(cursor, ours)
    if taken:
        more = f" (and {len(taken) - 1} more)" if len(taken) > 1 else ""
        raise CannotAdopt(
            f"{taken[0]}{more} is there already, and this site has not made it: rename it, or give this site "
            "a schema of its own in the search path, then migrate. Nothing was changed."
        )
