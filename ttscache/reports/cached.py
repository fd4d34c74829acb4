"""Which figures are kept between two looks at the dashboard, and for how long."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from ttscache.adaptive_cache import CachedResult, Freshness, shared_result
from ttscache.reports.scope import Scope

T = TypeVar("T")

REST = 40  # a look that takes the database a second is good for forty, so that it never gets busy with it
FRESH = Freshness(REST, at_least=timedelta(minutes=1))
PAST_FRESH = Freshness(REST, at_least=timedelta(minutes=10))  # what is past changes by late counts only


def remembered(
    name: str,
    look: Callable[[], Any],
    freshness: Freshness = FRESH,
    read: Callable[[Any], T] = lambda plain: plain,
) -> CachedResult[T]:
    """A result of the dashboard, shared by all processes: `shared_result` says how. Raises Error."""
    return shared_result(f"figures:{name}", look, freshness, read)


def rows_in(scope: Scope, name: str, look: Callable[[datetime, datetime | None], list[Any]]) -> list[Any]:
    """What `look` finds in the range, from a moment on and before another.

    The last two days are looked up each time, what is before them every ten minutes. Raises Error.
    """
    live = scope.live_since
    rows = look(live, None)
    if live > scope.since:
        past = remembered(f"{name}:{scope.key}", lambda: look(scope.since, live), PAST_FRESH, list[Any])
        rows = rows + past.found
    return rows
