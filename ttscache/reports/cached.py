"""Figures that are cached between two views of the dashboard, and for how long."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from ttscache.adaptive_cache import CachedResult, Freshness, shared_result
from ttscache.conf import conf
from ttscache.reports.scope import Scope

T = TypeVar("T")

REST = 40  # a query of one second is cached for forty, so each takes at most 2.5% of the database's time
FRESH = Freshness(REST, at_least=timedelta(minutes=1))
PAST_FRESH = Freshness(REST, at_least=timedelta(minutes=10))  # only late counts change the past


def names_of_figures(scope: Scope) -> list[str]:
    """The names of all figures that a report on this scope takes from the cache."""
    past = [f"{name}:{scope.key}" for name in ("requests", "before", "sound", "spent")]
    in_voice = [f"most-heard:{scope.range.name}:{scope.voice}", f"never-heard:{scope.voice}"]
    figures = [*past, *in_voice, "growth", "stored-kinds", "irreplaceable", "last-takes"]
    return [f"figures:{name}" for name in [*figures, f"stale-total:{conf().stale_days}"]]


def remembered(
    name: str,
    look: Callable[[], Any],
    freshness: Freshness = FRESH,
    read: Callable[[Any], T] = lambda plain: plain,
) -> CachedResult[T]:
    """A figure of the dashboard, cached for all processes; see `shared_result`. Raises Error.

    `look` returns plain values that can be cached; `read` makes the result from them.
    """
    return shared_result(f"figures:{name}", look, freshness, read)


def rows_in(scope: Scope, name: str, look: Callable[[datetime, datetime | None], list[Any]]) -> list[Any]:
    """The rows that `look(since, until)` finds in the range of the scope.

    Today and yesterday are looked up each time, earlier days at most every ten minutes. Raises Error.
    """
    live = scope.live_since
    rows = look(live, None)
    if live > scope.since:
        past = remembered(f"{name}:{scope.key}", lambda: look(scope.since, live), PAST_FRESH, list[Any])
        rows = rows + past.found
    return rows
