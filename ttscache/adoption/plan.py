"""The plan of an adoption: `migrate --plan` shows it, `migrate` carries it out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import DatabaseError, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from ttscache.adoption import CLIPS, FILES, TABLES, catalogue, public_roles
from ttscache.adoption.column_types import type_steps
from ttscache.adoption.columns import column_steps, constraint_steps
from ttscache.adoption.obstacles import check_references, check_schema, check_shape, check_table
from ttscache.adoption.plan_types import AdoptionPlan, CannotAdopt, Step, is_outage
from ttscache.adoption.rows import Rows
from ttscache.adoption.trial import write_on_trial

_LOCK_NOT_AVAILABLE = "55P03"


def preview(connection: Any) -> AdoptionPlan:
    """Return the steps that adoption would take now. Runs in a read-only transaction. Raises CannotAdopt."""
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
        return _plan(cursor)


def rehearse(connection: Any, voices: Sequence[str]) -> AdoptionPlan:
    """Take all steps and write rows as this site writes them, then roll everything back.

    So a constraint or trigger that nobody foresaw is found before anything changes, also by `--plan`. The
    bytes of clips are left out, because rewriting them twice would take long. Raises CannotAdopt.
    """
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            planned = _plan(cursor)
            # Without the table of clips 0001 has to create one first; then there is little to hinder.
            if planned.steps and catalogue.existing(cursor, [CLIPS]):
                # A program that uses the tables now must neither wait for long nor make a plan hang.
                cursor.execute("SET LOCAL lock_timeout = '20s'")
                _lock(cursor)
                planned.perform(cursor, with_bytes=False)
                write_on_trial(cursor, catalogue.existing(cursor, TABLES), voices)
            transaction.set_rollback(True, using=connection.alias)
    except DatabaseError as error:
        if getattr(error.__cause__, "sqlstate", "") == _LOCK_NOT_AVAILABLE:
            raise CannotAdopt(
                f"Another program holds {' or '.join(TABLES)} locked: stop it, or try again in a moment. "
                "Nothing was changed."
            ) from error
        if is_outage(error):
            raise
        advice = "mend what is named, then migrate."
        raise CannotAdopt.because(error, "The tables cannot be read", advice) from error
    return planned


def _lock(cursor: CursorWrapper) -> None:
    cursor.execute(f"LOCK TABLE {', '.join(catalogue.existing(cursor, TABLES))} IN ACCESS EXCLUSIVE MODE")
    # PostgreSQL refuses to alter a table that has deferred checks pending.
    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def adopt_tables(connection: Any) -> AdoptionPlan:
    """Adopt the tables inside the caller's transaction; returns the steps taken. Raises CannotAdopt."""
    with connection.cursor() as cursor:
        # Locked first, so that no row is added between reading and changing.
        _lock(cursor)
        planned = _plan(cursor)
        planned.perform(cursor)
    return planned


def _plan(cursor: CursorWrapper) -> AdoptionPlan:
    """Return all steps, none if neither table exists. Only reads."""
    if not catalogue.is_schema_chosen(cursor):
        raise CannotAdopt(
            "No schema of the search path is there, so no table can be made: run ALTER ROLE ... SET "
            "search_path = public for the role of DATABASE_URL, then migrate."
        )
    for table in TABLES:
        check_schema(cursor, table)
        check_shape(cursor, table)
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
    yield from type_steps(cursor, found)
    resting = {table: catalogue.triggers(cursor, table) for table in found}
    yield from _switched_off(resting)
    for table in found:
        yield from column_steps(cursor, table)
    of_rows = list(Rows(cursor, found).steps())
    check_references(cursor, of_rows)
    yield from of_rows
    for table in found:
        yield from constraint_steps(cursor, table)
    yield from _switched_on(resting)
    roles = public_roles.existing_public_roles(cursor)
    if roles:
        yield from public_roles.closing_steps(cursor, roles, found)
        for aside in dict.fromkeys(step.makes for step in of_rows if step.makes):
            yield public_roles.closing_step_of_new(roles, aside)


def _switched_off(triggers: dict[str, dict[str, str]]) -> Iterator[Step]:
    for table, names in triggers.items():
        for name in names:
            sql = f"ALTER TABLE {table} DISABLE TRIGGER {catalogue.quoted(name)}"
            yield Step.of(table, f"trigger {name} rests meanwhile", sql)


def _switched_on(triggers: dict[str, dict[str, str]]) -> Iterator[Step]:
    for table, names in triggers.items():
        for name, how in names.items():
            sql = f"ALTER TABLE {table} {how} TRIGGER {catalogue.quoted(name)}"
            yield Step.of(table, f"trigger {name} works again", sql)


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
        resting = {CLIPS: catalogue.triggers(cursor, CLIPS)}
        AdoptionPlan(tuple(_switched_off(resting))).perform(cursor)
        yield
        AdoptionPlan(tuple(_switched_on(resting))).perform(cursor)
