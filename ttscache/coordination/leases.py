"""One generation at a time over all processes and hosts.

A claim is a row that says who may do a thing and until when, on the database's clock. It is taken by one
conditional statement whose row count decides, so it works the same on SQLite and PostgreSQL and behind any
pooler. While its owner lives it is renewed by a thread; when the owner dies it runs out and may be taken
over.
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
from django.db.models import Expression, Q
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now

from ttscache.connections import OrmThread, returning_connections
from ttscache.coordination.hosts import this_host
from ttscache.errors import Busy
from ttscache.models import Claim, in_batches

logger = logging.getLogger(__name__)


def this_process() -> str:
    """Who claims: the host, the process, and a word that no later process of that number has."""
    return f"{this_host()}:{os.getpid()}:{_word()}"


_words: dict[int, str] = {}


def _word() -> str:
    # By process number, because a fork copies this module's memory.
    return _words.setdefault(os.getpid(), secrets.token_hex(4))


@dataclass(frozen=True, slots=True)
class Held:
    """A claim that is ours. `remembers`: the error with which it was given back before, if there was one.

    `taken_at` is a moment on this process's monotonic clock.
    """

    name: str
    owner: str
    remembers: str = ""
    taken_at: float = 0.0


class _Renewer(OrmThread):
    """Renews until nothing is held, or until it `is_over`."""

    def __init__(self, renew: Callable[[threading.Event], None]) -> None:
        self.is_over = threading.Event()
        super().__init__(target=renew, args=[self.is_over], name="claims", daemon=True)


class Claims:
    """Takes, renews and gives back claims for one process. `seconds`: how long a claim lives unrenewed.

    Every method raises django.db.Error while the database cannot be reached.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._held: dict[str, Held] = {}
        self._renewer: _Renewer | None = None

    def take(self, name: str) -> Held | None:
        """The claim, or None while somebody else has it. Raises Busy where it could not be renewed."""
        found = self.take_or_look(name)
        return found if isinstance(found, Held) else None

    def take_or_look(self, name: str) -> Held | Claim:
        """The claim, or the row of whoever has it; where that row has an `error`, trying is no use now.

        One statement where the claim is free and nothing is remembered. Raises Busy where it could not be
        renewed.
        """
        owner = f"{this_process()}:{secrets.token_hex(3)}"
        while True:
            taken_at = time.monotonic()  # before the database's clock begins to count
            if self._insert(name, owner):
                return self._renewed(Held(name, owner, taken_at=taken_at))
            claim = Claim.objects.annotate(is_over=Q(until__lte=Now())).filter(name=name).first()
            if claim is None:
                continue  # given back this moment
            if not claim.is_over:
                return claim
            if self._take_over(claim, owner):
                return self._renewed(Held(name, owner, claim.error, taken_at))

    def _renewed(self, held: Held) -> Held:
        try:
            with self._lock:
                self._held[held.owner] = held
                self._keep_renewing()
        except RuntimeError as error:  # no thread to be had
            self.give_back(held)
            raise Busy from error
        return held

    def give_back(self, held: Held, *, error: str = "", for_seconds: float = 0) -> None:
        """Let others try; those who were waiting learn from `error`, a code, that trying is no use now.

        With `for_seconds` it is no use for so long: until then nobody gets the claim, and all learn why.
        """
        with self._lock:
            self._held.pop(held.owner, None)
        mine = Claim.objects.filter(name=held.name, owner=held.owner)
        if error:
            mine.update(until=Now() + timedelta(seconds=for_seconds), error=error)
        else:
            mine.delete()

    def shut(self, name: str, seconds: float, *, error: str) -> bool:
        """Let nobody have it for so long, and tell all of them why; False where somebody has it now."""
        held = self.take(name)
        if held is None:
            return False
        self.give_back(held, error=error, for_seconds=seconds)
        return True

    def is_held(self, held: Held) -> bool:
        """Whether it is still ours: a process that was stopped for long may have lost it."""
        return Claim.objects.filter(name=held.name, owner=held.owner, until__gt=Now()).exists()

    def is_surely_held(self, held: Held) -> bool:
        """Whether it is still ours: without a query for as long as it cannot have run out."""
        return time.monotonic() - held.taken_at < self._seconds or self.is_held(held)

    def holder(self, name: str) -> Claim | None:
        """Whoever has it now, or had it last and left an error; not one whose claim ran out: it is dead."""
        return Claim.objects.filter(Q(until__gt=Now()) | ~Q(error=""), name=name).first()

    def refusal(self, name: str) -> str:
        """The code of an error that holds still: trying is no use now. Empty where there is none."""
        claims = Claim.objects.filter(name=name, until__gt=Now()).exclude(error="")
        return claims.values_list("error", flat=True).first() or ""

    def close(self) -> None:
        """Renew nothing any more that is held now: it runs out by itself. A claim that is taken during or
        after this has a renewer of its own."""
        with self._lock:
            self._held.clear()
            renewer, self._renewer = self._renewer, None
            if renewer is not None:
                renewer.is_over.set()
        if renewer is not None:
            renewer.join()

    def _insert(self, name: str, owner: str) -> bool:
        """A new row, or one whose owner died. The ORM knows no conditional upsert."""
        end, end_values = _compiled(self._end())
        now, now_values = _compiled(Now())
        table = connection.ops.quote_name(Claim._meta.db_table)
        with connection.cursor() as cursor:
            cursor.execute(
                # The names and expressions are our own; every value is a parameter.
                f"INSERT INTO {table} (name, owner, until, error) VALUES (%s, %s, {end}, '')"  # noqa: S608
                " ON CONFLICT (name) DO UPDATE SET owner = EXCLUDED.owner, until = EXCLUDED.until"
                f" WHERE {table}.until <= {now} AND {table}.error = ''",
                [name, owner, *end_values, *now_values],
            )
            return bool(cursor.rowcount == 1)

    def _take_over(self, claim: Claim, owner: str) -> bool:
        """Take one that was given back with an error; from now on only the caller knows what that was."""
        free = Claim.objects.filter(name=claim.name, owner=claim.owner, until__lte=Now())
        return free.update(owner=owner, until=self._end(), error="") == 1

    def _end(self) -> CombinedExpression:
        return Now() + timedelta(seconds=self._seconds)

    def _keep_renewing(self) -> None:
        if self._renewer is None or not self._renewer.is_alive():
            renewer = _Renewer(self._renew_while_any)
            renewer.start()
            self._renewer = renewer

    def _renew_while_any(self, is_over: threading.Event) -> None:
        while not is_over.wait(self._seconds / 4):
            with self._lock:
                if is_over.is_set():
                    return
                owners = list(self._held)
                if not owners:
                    self._renewer = None  # decided under the lock, so no claim is left without a renewer
                    return
            try:
                with returning_connections():
                    Claim.objects.filter(owner__in=owners, error="").update(until=self._end())
            except Error:
                logger.warning("Claims could not be renewed; the database cannot be reached.")


def clear_refusals(names: Iterable[str]) -> None:
    """Staff ask: these may be tried at once. That they failed before is still known to the next failure."""
    for some in in_batches(sorted(names)):
        refused = Claim.objects.filter(name__in=some, until__gt=Now()).exclude(error="")
        refused.update(until=Now())


def _compiled(expression: Expression | CombinedExpression) -> tuple[str, Sequence[Any]]:
    """As SQL of this database, with its values."""
    query = Claim.objects.all().query
    sql, values = query.get_compiler(connection=connection).compile(expression.resolve_expression(query))
    return sql, values


def forget_claims_of_dead_processes() -> int:
    """Free what killed processes of this host left behind, so that a restart waits for nothing."""
    host = this_host()
    dead = [
        claim.pk
        for claim in Claim.objects.filter(owner__startswith=f"{host}:", error="")
        if not is_process_alive(int(claim.owner.split(":")[1]))
    ]
    return Claim.objects.filter(pk__in=dead).delete()[0]


def is_process_alive(process: int) -> bool:
    """Whether this host runs a process of this number."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
