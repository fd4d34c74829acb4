"""The plan of an adoption: `migrate --plan` shows it, `migrate` carries it out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from ttscache.adoption import CLIPS, FILES, TABLES, catalogue, public_roles
from ttscache.adoption.columns import check_table, column_steps, constraint_steps
from ttscache.adoption.plan_types import AdoptionPlan, Step
from ttscache.adoption.rows import Rows


def preview(connection: Any) -> AdoptionPlan:
    """Return the steps that adoption would take now. Runs in a read-only transaction. Raises CannotAdopt."""
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
        return _plan(cursor)


def adopt_tables(connection: Any) -> AdoptionPlan:
    """Adopt the tables inside the caller's transaction; returns the steps taken. Raises CannotAdopt."""
    with connection.cursor() as cursor:
        # Locked first, so that no row is added between reading and changing.
        cursor.execute(f"LOCK TABLE {', '.join(catalogue.existing(cursor, TABLES))} IN ACCESS EXCLUSIVE MODE")
        # PostgreSQL refuses to alter a table that has deferred checks pending.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        planned = _plan(cursor)
        planned.perform(cursor)
    return planned


def _plan(cursor: CursorWrapper) -> AdoptionPlan:
    """Return all steps, none if neither table exists. Only reads."""
    found = catalogue.existing(cursor, TABLES)
    if not found:
        return AdoptionPlan(())
    for table in found:
        check_table(cursor, table)
    return AdoptionPlan(tuple(_steps(cursor, found)))


def _steps(cursor: CursorWrapper, found: Sequence[str]) -> Iterator[Step]:
    for table in TABLES:
        if table not in found:
            yield Step(table, "is missing and made new")
    resting = {table: catalogue.triggers(cursor, table) for table in found}
    yield from _switched(resting, "DISABLE", "rests meanwhile")
    for table in found:
        yield from column_steps(cursor, table)
    of_rows = list(Rows(cursor, found).steps())
    yield from of_rows
    for table in found:
        yield from constraint_steps(cursor, table)
    yield from _switched(resting, "ENABLE", "works again")
    roles = public_roles.existing_public_roles(cursor)
    if roles:
        yield from public_roles.closing_steps(cursor, roles, found)
        for aside in dict.fromkeys(step.makes for step in of_rows if step.makes):
            yield public_roles.closing_step_of_new(roles, aside)


def _switched(triggers: dict[str, list[str]], how: str, says: str) -> Iterator[Step]:
    for table, names in triggers.items():
        for name in names:
            yield Step.of(table, f"trigger {name} {says}", f'ALTER TABLE {table} {how} TRIGGER "{name}"')


def adopt_clips(apps: Any, connection: Any) -> None:
    """Register the found clips as ours. Their stale clock starts now, so that no prune takes them at once."""
    clips = apps.get_model("ttscache", "Clip").objects.using(connection.alias)
    with _resting_triggers(connection):
        now = timezone.now()
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE {CLIPS} SET stored_at = %s WHERE adopted_at IS NULL AND EXISTS"  # noqa: S608
                f" (SELECT 1 FROM {FILES} WHERE cache_id = {CLIPS}.id AND length(file_data) > 0)",
                [now],
            )
        clips.filter(adopted_at__isnull=True).update(adopted_at=now, last_accessed_at=now)


@contextmanager
def _resting_triggers(connection: Any) -> Iterator[None]:
    """Switch people's triggers off meanwhile: one that sets `updated_at` would overwrite every old value."""
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        names = catalogue.triggers(cursor, CLIPS)
        AdoptionPlan(tuple(_switched({CLIPS: names}, "DISABLE", ""))).perform(cursor)
        yield
        AdoptionPlan(tuple(_switched({CLIPS: names}, "ENABLE", ""))).perform(cursor)
