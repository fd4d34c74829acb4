"""Who is told when a warm run has ended: whoever owns the texts registers at the start of the process."""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction

_listeners: list[Callable[[], None]] = []


def register(listener: Callable[[], None]) -> None:
    """Have this called after every end of a run, by the process that ended it."""
    _listeners.append(listener)


def tell_on_commit() -> None:
    for listener in _listeners:
        transaction.on_commit(listener, robust=True)  # the run has ended, whatever becomes of this
