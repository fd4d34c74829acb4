"""One generation at a time over all processes and hosts.

A lease is a row that says who may do a thing, and until when on the database's clock. One conditional
statement acquires it and its row count decides, so it works the same on SQLite and PostgreSQL and behind any
pooler. A thread renews it while its owner lives; when the owner dies it expires and may be taken over
(Gray and Cheriton, "Leases", 1989).
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import Error, connection
from django.db.models import Expression, Q, QuerySet
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now

from ttscache.connections import OrmThread, returning_connections
from ttscache.coordination.hosts import this_host
from ttscache.errors import Busy
from ttscache.models import Lease, in_batches

logger = logging.getLogger(__name__)


# A word that no later process of that number has; by process number, as a fork copies this module's memory.
_words: dict[int, str] = {}


@dataclass(frozen=True, slots=True)
class HeldLease:
    """A lease that is ours. `remembers`: the error with which it was given back before, if there was one.

    `acquired_at` is a moment on this process's monotonic clock.
    """

    name: str
    owner: str
    remembers: str = ""
    acquired_at: float = 0.0


class _Renewer(OrmThread):
    """Renews until nothing is held, or until it `is_over`."""

    def __init__(self, renew: Callable[[threading.Event], None]) -> None:
        self.is_over = threading.Event()
        super().__init__(target=renew, args=[self.is_over], name="leases", daemon=True)


class Leases:
    """Acquires, renews and releases leases for one process. `seconds`: how long a lease lives unrenewed.

    Every method raises django.db.Error while the database cannot be reached.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._held: dict[str, HeldLease] = {}
        self._renewer: _Renewer | None = None

    def acquire(self, name: str) -> HeldLease | None:
        """The lease, or None while somebody else has it. Raises Busy where it could not be renewed."""
        found = self.acquire_or_look(name)
        return found if isinstance(found, HeldLease) else None

    def acquire_or_look(self, name: str, *, unless: QuerySet[Any] | None = None) -> HeldLease | Lease | None:
        """The lease, or the row of whoever has it; where that row has an `error`, trying is no use now.
        None where `unless` has a row, held or not.

        One statement where the lease is free and nothing is remembered. Raises Busy where it could not be
        renewed.
        """
        process = os.getpid()
        word = _words.setdefault(process, secrets.token_hex(4))
        owner = f"{this_host()}:{process}:{word}:{secrets.token_hex(3)}"
        while True:
            acquired_at = time.monotonic()  # before the database's clock begins to count
            if self._insert_or_take_over(name, owner, unless):
                return self._renewed(HeldLease(name, owner, acquired_at=acquired_at))
            if unless is not None and unless.exists():
                return None
            lease = Lease.objects.annotate(is_over=Q(until__lte=Now())).filter(name=name).first()
            if lease is None:
                continue  # given back this moment
            if not lease.is_over:
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
        except RuntimeError as error:  # no thread to be had
            self.release(held)
            raise Busy from error
        return held

    def release(self, held: HeldLease, *, error: str = "", for_seconds: float = 0) -> None:
        """Let others try; those who were waiting learn from `error`, a code, that trying is no use now.

        With `for_seconds` it is no use for so long: until then nobody gets the lease, and all learn why.
        """
        with self._lock:
            self._held.pop(held.owner, None)
        mine = Lease.objects.filter(name=held.name, owner=held.owner)
        if error:
            mine.update(until=Now() + timedelta(seconds=for_seconds), error=error)
        else:
            mine.delete()

    def is_held(self, held: HeldLease) -> bool:
        """Whether it is still ours: a process that was stopped for long may have lost it."""
        return Lease.objects.filter(name=held.name, owner=held.owner, until__gt=Now()).exists()

    def is_surely_held(self, held: HeldLease) -> bool:
        """Whether it is still ours: without a query for as long as it cannot have run out."""
        return time.monotonic() - held.acquired_at < self._seconds or self.is_held(held)

    def holder(self, name: str) -> Lease | None:
        """Whoever has it now, or had it last and left an error; not one whose lease ran out: it is dead."""
        return Lease.objects.filter(Q(until__gt=Now()) | ~Q(error=""), name=name).first()

    def close(self) -> None:
        """Renew nothing any more that is held now: it runs out by itself. A lease that is taken during or
        after this has a renewer of its own."""
        with self._lock:
            self._held.clear()
            renewer, self._renewer = self._renewer, None
            if renewer is not None:
                renewer.is_over.set()
        if renewer is not None:
            renewer.join()

    def _insert_or_take_over(self, name: str, owner: str, unless: QuerySet[Any] | None) -> bool:
        """A new row, or one whose owner died. The ORM knows no conditional upsert."""
        end, end_values = _compiled(self._end())
        now, now_values = _compiled(Now())
        rows, row_values = _compiled_query(unless) if unless is not None else ("", ())
        is_free = f"NOT EXISTS ({rows})" if rows else "1 = 1"  # without a WHERE, SQLite takes ON for a join's
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
        """Take one that was given back with an error; from now on only the caller knows what that was."""
        free = Lease.objects.filter(name=lease.name, owner=lease.owner, until__lte=Now())
        return free.update(owner=owner, until=self._end(), error="") == 1

    def _end(self) -> CombinedExpression:
        return Now() + timedelta(seconds=self._seconds)

    def _renew_while_any(self, is_over: threading.Event) -> None:
        while not is_over.wait(self._seconds / 4):
            with self._lock:
                if is_over.is_set():
                    return
                owners = list(self._held)
                if not owners:
                    self._renewer = None  # decided under the lock, so no lease is left without a renewer
                    return
            try:
                with returning_connections():
                    Lease.objects.filter(owner__in=owners, error="").update(until=self._end())
            except Error:
                logger.warning("Leases could not be renewed; the database cannot be reached.")


class Cooldown:
    """A time during which no host does a thing, and why. It is kept as a lease that nobody can acquire.

    Every method raises django.db.Error while the database cannot be reached.
    """

    def __init__(self, leases: Leases, name: str) -> None:
        self._leases = leases
        self._name = name

    def start(self, seconds: float, *, reason: str) -> bool:
        """Begin it for all hosts; False where somebody holds the lease just now."""
        held = self._leases.acquire(self._name)
        if held is None:
            return False
        self._leases.release(held, error=reason, for_seconds=seconds)
        return True

    def active_reason(self) -> str:
        """Why nobody may do it now; empty where nothing is cooling down."""
        active = Lease.objects.filter(name=self._name, until__gt=Now()).exclude(error="")
        return active.values_list("error", flat=True).first() or ""


def end_cooldowns(names: Iterable[str]) -> None:
    """Staff ask: these may be tried at once. That they failed before is still known to the next failure."""
    for some in in_batches(sorted(names)):
        refused = Lease.objects.filter(name__in=some, until__gt=Now()).exclude(error="")
        refused.update(until=Now())


def _compiled(expression: Expression | CombinedExpression) -> tuple[str, Sequence[Any]]:
    """As SQL of this database, with its values."""
    query = Lease.objects.all().query
    sql, values = query.get_compiler(connection=connection).compile(expression.resolve_expression(query))
    return sql, values


def _compiled_query(rows: QuerySet[Any]) -> tuple[str, Sequence[Any]]:
    """For EXISTS (...): as SQL of this database, with its values."""
    sql, values = rows.order_by().values("pk").query.get_compiler(connection=connection).as_sql()
    return sql, values


def release_leases_of_dead_processes() -> int:
    """Free what killed processes of this host left behind, so that a restart waits for nothing."""
    host = this_host()
    dead = [
        lease.pk
        for lease in Lease.objects.filter(owner__startswith=f"{host}:", error="")
        if not is_process_alive(int(lease.owner.split(":")[1]))
    ]
    return Lease.objects.filter(pk__in=dead).delete()[0]


def is_process_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
