"""Leases: let one process of all hosts do a thing, such as generate a clip.

A lease is a row that says who may do the thing, and until when on the database's clock. One conditional
statement acquires it and its row count decides, so it works alike on SQLite and PostgreSQL and behind any
pooler. A thread renews it while its owner lives; after the owner's death it expires and may be taken over
(Gray and Cheriton, "Leases", 1989).

The database's clock may be set back, and then a dead owner's lease would last as much longer. So a lease also
ends when its owner is found dead on this host, and when this process has seen it unrenewed for its whole life
by a clock that nobody can set.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import Error, connection
from django.db.models import Expression, Q, QuerySet
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now

from ttscache.connections import OrmThread, returning_connections
from ttscache.coordination.hosts import this_host
from ttscache.coordination.processes import is_owner_dead, new_owner_id
from ttscache.errors import Busy, SpeechError, error_of
from ttscache.models import Lease, in_batches

logger = logging.getLogger(__name__)

UNRENEWED_LIVES = 1.25  # a lease that was not renewed for so many times its life has no living owner
MOST_WATCHED = 1_000


@dataclass(frozen=True, slots=True)
class HeldLease:
    """A lease that this process holds.

    `remembers` is the error code with which it was released before, if any. `acquired_at` is a moment on this
    process's monotonic clock.
    """

    name: str
    owner: str
    remembers: str = ""
    acquired_at: float = 0.0


class _Renewer(OrmThread):
    """Renews leases until none is held or `is_over` is set."""

    def __init__(self, renew: Callable[[threading.Event], None]) -> None:
        self.is_over = threading.Event()
        super().__init__(target=renew, args=[self.is_over], name="leases", daemon=True)


class Leases:
    """Acquires, renews and releases leases for one process. A lease lives `seconds` without renewal.

    Every method raises django.db.Error while the database cannot be reached.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._held: dict[str, HeldLease] = {}
        self._renewer: _Renewer | None = None
        # Leases of others: the owner and end that were seen, and since when by this process's clock.
        self._watched: dict[str, tuple[str, datetime, float]] = {}

    def acquire(self, name: str) -> HeldLease | None:
        """Return the lease, or None while another process has it. Raises Busy if no thread can renew it."""
        found = self.acquire_or_look(name)
        return found if isinstance(found, HeldLease) else None

    def acquire_or_look(self, name: str, *, unless: QuerySet[Any] | None = None) -> HeldLease | Lease | None:
        """Return the lease, or the row of its present owner. If that row has an `error`, do not try now.

        Returns None if the query `unless` has a row, whether the lease is free or not. Takes one statement if
        the lease is free and remembers no error. Raises Busy if no thread can be started to renew it.
        """
        owner = new_owner_id()
        while True:
            acquired_at = time.monotonic()  # read before the statement, so that it errs on the early side
            if self._insert_or_take_over(name, owner, unless):
                return self._renewed(HeldLease(name, owner, acquired_at=acquired_at))
            if unless is not None and unless.exists():
                return None
            lease = Lease.objects.annotate(is_over=Q(until__lte=Now())).filter(name=name).first()
            if lease is None:
                continue  # released just now
            if not lease.is_over:
                if self._end_if_abandoned(lease):
                    continue
                return lease
            if self._reuse_failed(lease, owner):
                return self._renewed(HeldLease(name, owner, lease.error, acquired_at))

    def _renewed(self, held: HeldLease) -> HeldLease:
        try:
            with self._lock:
                self._held[held.owner] = held
                if self._renewer is None or not self._renewer.is_alive():
                    renewer = _Renewer(self._renew_while_any)
                    renewer.start()
                    self._renewer = renewer
        except RuntimeError as error:  # the system cannot start a thread
            self.release(held)
            raise Busy from error
        return held

    def release(self, held: HeldLease, *, error: str = "", for_seconds: float = 0) -> None:
        """Release the lease. Processes that wait for it read `error`, a code, and give up.

        With `for_seconds`, nobody gets the lease for that long, and everyone who tries reads the error.
        """
        with self._lock:
            self._held.pop(held.owner, None)
        mine = Lease.objects.filter(name=held.name, owner=held.owner)
        if error:
            mine.update(until=Now() + timedelta(seconds=for_seconds), error=error)
        else:
            mine.delete()

    def is_held(self, held: HeldLease) -> bool:
        """Ask the database whether it is still ours: a process that was suspended may have lost it."""
        return Lease.objects.filter(name=held.name, owner=held.owner, until__gt=Now()).exists()

    def is_surely_held(self, held: HeldLease) -> bool:
        """Whether it is still ours; runs no query as long as the lease cannot have expired."""
        return time.monotonic() - held.acquired_at < self._seconds or self.is_held(held)

    def holder(self, name: str) -> Lease | None:
        """The row of the present owner, or of the last one if it left an error.

        None if the lease expired, or its owner is dead.
        """
        held = Lease.objects.filter(Q(until__gt=Now()) | ~Q(error=""), name=name).first()
        return None if held is None or self._end_if_abandoned(held) else held

    def close(self) -> None:
        """Stop renewing the leases held now; they expire by themselves.

        A lease acquired during or after this call starts a renewer of its own.
        """
        with self._lock:
            self._held.clear()
            renewer, self._renewer = self._renewer, None
            if renewer is not None:
                renewer.is_over.set()
        if renewer is not None:
            renewer.join()

    def _end_if_abandoned(self, lease: Lease) -> bool:
        """End the lease if its owner is surely dead; returns whether it is ended."""
        if lease.error:
            return False  # nobody holds it: it only remembers an error
        if not is_owner_dead(lease.owner) and not self._is_long_unrenewed(lease):
            return False
        # A renewal at this moment changes `until`, and then the lease stays.
        mine = Lease.objects.filter(name=lease.name, owner=lease.owner, until=lease.until, error="")
        if not mine.update(until=Now() - timedelta(milliseconds=1)):
            return False
        logger.warning("The lease of %s is free: its owner has ended without releasing it.", lease.name)
        return True

    def _is_long_unrenewed(self, lease: Lease) -> bool:
        now, seen = time.monotonic(), (lease.owner, lease.until)
        with self._lock:
            *before, since = self._watched.get(lease.name, ("", None, now))
            if tuple(before) == seen:
                return now - since > self._seconds * UNRENEWED_LIVES
            if len(self._watched) >= MOST_WATCHED:
                self._watched.clear()
            self._watched[lease.name] = (*seen, now)
        return False

    def _insert_or_take_over(self, name: str, owner: str, unless: QuerySet[Any] | None) -> bool:
        """Insert the row, or take over one that expired. Django's ORM has no conditional upsert."""
        end, end_values = _compiled(self._end())
        now, now_values = _compiled(Now())
        rows, row_values = _compiled_query(unless) if unless is not None else ("", ())
        # Without a WHERE, SQLite reads the ON of ON CONFLICT as that of a join.
        is_free = f"NOT EXISTS ({rows})" if rows else "1 = 1"
        table = connection.ops.quote_name(Lease._meta.db_table)
        with connection.cursor() as cursor:
            cursor.execute(
                # The names and expressions are our own; every value is a parameter.
                f"INSERT INTO {table} (name, owner, until, error) SELECT %s, %s, {end}, '' WHERE {is_free}"
                " ON CONFLICT (name) DO UPDATE SET owner = EXCLUDED.owner, until = EXCLUDED.until"
                f" WHERE {table}.until <= {now} AND {table}.error = ''",
                [name, owner, *end_values, *row_values, *now_values],
            )
            return bool(cursor.rowcount == 1)

    def _reuse_failed(self, lease: Lease, owner: str) -> bool:
        """Take over a lease that was released with an error, and clear it: the caller now holds the code."""
        free = Lease.objects.filter(name=lease.name, owner=lease.owner, until__lte=Now())
        return free.update(owner=owner, until=self._end(), error="") == 1

    def _end(self) -> CombinedExpression:
        return Now() + timedelta(seconds=self._seconds)

    def _renew_while_any(self, is_over: threading.Event) -> None:
        # Several renewals in the life of a lease, so that one that fails does not lose it.
        while not is_over.wait(self._seconds / 4):
            with self._lock:
                if is_over.is_set():
                    return
                owners = list(self._held)
                if not owners:
                    self._renewer = None  # set under the lock, so that no new lease lacks a renewer
                    return
            try:
                with returning_connections():
                    Lease.objects.filter(owner__in=owners, error="").update(until=self._end())
            except Error:
                logger.warning("Leases could not be renewed: the database cannot be reached.")


class Cooldown:
    """A time during which no host does a thing, and the reason. It is a lease that nobody can acquire.

    Every method raises django.db.Error while the database cannot be reached.
    """

    def __init__(self, leases: Leases, name: str) -> None:
        self._leases = leases
        self._name = name

    def start(self, seconds: float, *, reason: str) -> bool:
        """Start the cooldown for all hosts; False if another process holds the lease at the moment."""
        held = self._leases.acquire(self._name)
        if held is None:
            return False
        self._leases.release(held, error=reason, for_seconds=seconds)
        return True

    def active_reason(self) -> str:
        """The reason of the running cooldown, or an empty string."""
        active = Lease.objects.filter(name=self._name, until__gt=Now()).exclude(error="")
        return active.values_list("error", flat=True).first() or ""


def remembered_errors(names: Iterable[str]) -> dict[str, SpeechError]:
    """The errors for which these are not tried again at the moment, by name. Raises Error."""
    active = Lease.objects.filter(until__gt=Now()).exclude(error="")
    return {
        name: error_of(code)
        for some in in_batches(sorted(names))
        for name, code in active.filter(name__in=some).values_list("name", "error")
    }


def end_cooldowns(names: Iterable[str]) -> None:
    """Let these be tried at once, because staff ask for it. The next failure still counts as the second."""
    for some in in_batches(sorted(names)):
        refused = Lease.objects.filter(name__in=some, until__gt=Now()).exclude(error="")
        refused.update(until=Now())


def _compiled(expression: Expression | CombinedExpression) -> tuple[str, Sequence[Any]]:
    """Compile an expression to this database's SQL and its values."""
    query = Lease.objects.all().query
    sql, values = query.get_compiler(connection=connection).compile(expression.resolve_expression(query))
    return sql, values


def _compiled_query(rows: QuerySet[Any]) -> tuple[str, Sequence[Any]]:
    """Compile a query for EXISTS (...) to this database's SQL and its values."""
    sql, values = rows.order_by().values("pk").query.get_compiler(connection=connection).as_sql()
    return sql, values


def release_leases_of_dead_processes() -> int:
    """Delete leases of killed processes of this host, so that a restart need not wait for them to expire."""
    of_this_host = Lease.objects.filter(owner__startswith=f"{this_host()}:", error="")
    dead = [lease.pk for lease in of_this_host if is_owner_dead(lease.owner)]
    return Lease.objects.filter(pk__in=dead).delete()[0]
