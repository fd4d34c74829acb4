"""Django's migrate, run by one host at a time. It also reports what it does to an earlier system's tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands.migrate import Command as DjangoCommand
from django.db import connections
from django.db.migrations.migration import Migration

from ttscache.adoption import TABLES, plan
from ttscache.adoption.operations import AdoptTables
from ttscache.adoption.plan_types import AdoptionPlan, CannotAdopt
from ttscache.adoption.public_roles import close_public_roles
from ttscache.adoption.taken_names import check_names, migrations_noted_in
from ttscache.conf import conf

ADOPTION = ("ttscache", "0002_align")
LOCK = 6_470_231_987  # an arbitrary key for PostgreSQL's advisory locks
MOST_DETAILS = 20


class Command(DjangoCommand):
    def handle(self, *args: Any, **options: Any) -> None:
        self._connection = connections[options["database"]]
        try:
            if options["plan"]:
                self._tell("Adoption of existing tables, as planned:", self._planned(), options["verbosity"])
                super().handle(*args, **options)
                return
            with self._alone():
                self._is_adopting = bool(self._planned().steps)
                super().handle(*args, **options)
        except CannotAdopt as error:
            raise CommandError(" ".join(str(error).split())) from error

    def migration_progress_callback(
        self, action: str, migration: Migration | None = None, fake: bool = False
    ) -> None:
        super().migration_progress_callback(action, migration, fake)
        if action != "apply_success" or migration is None:
            return
        if self._is_adopting and (migration.app_label, migration.name) == ADOPTION:
            self._is_adopting = False
            for operation in migration.operations:
                if isinstance(operation, AdoptTables):
                    self._tell("Adoption of existing tables:", operation.done, self.verbosity)
        # After each migration, because the next one may fail. The adoption itself closes the tables it
        # adopts, and reports it.
        close_public_roles(self._connection, besides=TABLES if self._is_adopting else ())

    def _planned(self) -> AdoptionPlan:
        if self._connection.vendor != "postgresql":
            return AdoptionPlan(())
        applied = migrations_noted_in(self._connection)
        if ADOPTION in applied:
            return AdoptionPlan(())
        check_names(self._connection, applied)
        return plan.rehearse(self._connection, conf().listener_voices)

    def _tell(self, heading: str, plan: AdoptionPlan, verbosity: int) -> None:
        """Print the steps, even with --verbosity 0: an adoption happens only once."""
        if not plan.steps:
            return
        self.stdout.write(heading, self.style.MIGRATE_HEADING)
        for line in plan.lines(most_details=None if verbosity > 1 else MOST_DETAILS):
            self.stdout.write(f"  {line}")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let hosts that start together migrate one after the other; the later ones find nothing to do.

        The lock belongs to a transaction on a connection of its own. So it works behind a pooler, and ends
        with this process.
        """
        if self._connection.vendor != "postgresql":
            yield
            return
        store = self._connection.copy()
        try:
            store.set_autocommit(False)
            with store.cursor() as cursor:
                # A migration may take longer than the server allows a statement or an idle transaction.
                cursor.execute("SET LOCAL statement_timeout = 0")
                cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
                cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
                if not cursor.fetchone()[0]:
                    self.stdout.write("Another migrate is running; waiting for it.")
                    self.stdout.flush()
                    cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            yield
        finally:
            store.close()
