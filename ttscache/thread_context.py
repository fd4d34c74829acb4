"""Carries values of a request, such as its id, into the threads that work for it.

Only variables that are registered here are carried. A copy of the whole context would share the things that
Django and `adaptive_cache` keep in it for one thread, such as the connections of a cache.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_carried: list[ContextVar[Any]] = []


def carry_into_threads(variable: ContextVar[Any]) -> None:
    """Register a variable that has a default. Call this once, while its module is loaded."""
    _carried.append(variable)


def in_this_context(call: Callable[P, T]) -> Callable[P, T]:
    """Wrap a call for another thread: it sees the values that the variables have now in this thread."""
    values = [(variable, variable.get()) for variable in _carried]

    @wraps(call)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        # Reset at the end, because the thread of a pool works for the next request afterwards.
        tokens = [(variable, variable.set(value)) for variable, value in values]
        try:
            return call(*args, **kwargs)
        finally:
            for variable, token in tokens:
                variable.reset(token)

    return run
