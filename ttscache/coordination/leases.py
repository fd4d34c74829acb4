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
from dataclasses import dataclass
from datetime import timedelta

from django.db import DatabaseError, connection
from django.db.models import Q
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now

from ttscache.coordination.hosts import this_host
from ttscache.errors import Busy
from ttscache.models import Claim

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
    """A claim that is ours."""

    name: str
    owner: str


class Claims:
    """Takes, renews and gives back claims for one process. `seconds`: how long a claim lives unrenewed.

    Every method raises DatabaseError while the database cannot be reached.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._held: dict[str, Held] = {}
        self._renewer: threading.Thread | None = None
        self._is_closed = threading.Event()

    def take(self, name: str) -> Held | None:
        """The claim, or None while somebody else has it. Raises Busy where it could not be renewed."""
        held = Held(name, f"{this_process()}:{secrets.token_hex(3)}")
        if not (self._take_over(held) or self._create(held)):
            return None
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

    def holder(self, name: str) -> Claim | None:
        """Whoever has it now, or had it last and left an error; not one whose claim ran out: it is dead."""
        return Claim.objects.filter(Q(until__gt=Now()) | ~Q(error=""), name=name).first()

    def refusal(self, name: str) -> str:
        """The code of an error that holds still: trying is no use now. Empty where there is none."""
        claims = Claim.objects.filter(name=name, until__gt=Now()).exclude(error="")
        return claims.values_list("error", flat=True).first() or ""

    def close(self) -> None:
        """Renew nothing any more; what is still held runs out by itself."""
        with self._lock:
            self._held.clear()
            renewer = self._renewer
        self._is_closed.set()
        if renewer is not None:
            renewer.join()
        self._is_closed.clear()

    def _take_over(self, held: Held) -> bool:
        taken = Claim.objects.filter(name=held.name, until__lte=Now()).update(
            owner=held.owner, until=self._end(), error=""
        )
        return taken == 1

    def _create(self, held: Held) -> bool:
        Claim.objects.bulk_create(
            [Claim(name=held.name, owner=held.owner, until=self._end())], ignore_conflicts=True
        )
        return Claim.objects.filter(name=held.name, owner=held.owner).exists()

    def _end(self) -> CombinedExpression:
        return Now() + timedelta(seconds=self._seconds)

    def _keep_renewing(self) -> None:
        if self._renewer is None or not self._renewer.is_alive():
            renewer = threading.Thread(target=self._renew_while_any, name="claims", daemon=True)
            renewer.start()
            self._renewer = renewer

    def _renew_while_any(self) -> None:
        try:
            while True:
                self._is_closed.wait(self._seconds / 4)
                with self._lock:
                    owners = list(self._held)
                    if not owners:
                        self._renewer = None  # decided under the lock, so no claim is left without a renewer
                        return
                try:
                    Claim.objects.filter(owner__in=owners, error="").update(until=self._end())
                except DatabaseError:
                    logger.warning("Claims could not be renewed; the database cannot be reached.")
                finally:
                    connection.close()
        finally:
            connection.close()


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
