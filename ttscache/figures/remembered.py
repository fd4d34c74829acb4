"""What takes the database long is asked now and then: the page shows what was found, and when."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from django.core.cache import cache
from django.db import Error
from django.utils import timezone
from redis.exceptions import RedisError

from ttscache.connections import start_thread
from ttscache.figures.scope import Scope

logger = logging.getLogger(__name__)

Found = TypeVar("Found")

FRESH = timedelta(minutes=1)
PAST_FRESH = timedelta(minutes=10)  # of what changes no more, but for counts that come late
TOO_OLD = timedelta(days=1)  # to be shown at all
REFRESH_SECONDS = 120  # after which another may try

# So that however many figures are old, this takes one connection of a pool that has few.
_one_at_a_time = threading.Lock()


REST = 40  # a look that takes the database a second is good for forty, so that it never gets busy with it


@dataclass(frozen=True, slots=True)
class Remembered(Generic[Found]):
    """What was found, when, and how long it is good for."""

    found: Found
    as_of: datetime
    good_for: timedelta = timedelta()


def remembered(name: str, find: Callable[[], Found], fresh: timedelta = FRESH) -> Remembered[Found]:
    """What `find` found lately; what is older, by a day at most, is shown while it is found anew.

    It is good for as long as it is `fresh`, or longer where it took long to find. `find` may run in a thread
    of its own, one over all processes. Where the cache does not answer, all is found anew. Raises
    DatabaseError.
    """
    key = _key(name)
    try:
        return _known(key, find, fresh) or _find(key, find)
    except RedisError:
        logger.warning("Figures are not remembered: the cache does not answer.")
        return _looked_up(find)


def note(name: str, found: object) -> None:
    """For `noted`, which never looks it up."""
    with suppress(RedisError):
        cache.set(_key(name), Remembered(found, timezone.now()), timeout=2 * TOO_OLD.total_seconds())


def noted(name: str) -> Remembered[Any] | None:
    """What was noted last, by two days ago at the earliest."""
    try:
        known: Remembered[Any] | None = cache.get(_key(name))
    except RedisError:
        return None
    return known


def rows_in(scope: Scope, name: str, look: Callable[[datetime, datetime | None], list[Found]]) -> list[Found]:
    """What `look` finds in the range, from a moment on and before another.

    The last two days are looked up each time, what is before them every ten minutes. Raises DatabaseError.
    """
    live = scope.live_since
    rows = look(live, None)
    if live > scope.since:
        past = remembered(f"{name}:{scope.key}", lambda: look(scope.since, live), fresh=PAST_FRESH)
        rows = rows + past.found
    return rows


def _key(name: str) -> str:
    """2: of this shape; what an earlier version has kept is another. A voice may have a space."""
    return f"figures-2:{quote(name, safe=':')}"


def _known(key: str, find: Callable[[], Found], fresh: timedelta) -> Remembered[Found] | None:
    known: Remembered[Found] | None = cache.get(key)
    if known is None or timezone.now() - known.as_of > TOO_OLD:
        return None
    if timezone.now() - known.as_of > max(fresh, known.good_for) and cache.add(
        f"{key}:refreshing", True, REFRESH_SECONDS
    ):
        start_thread(partial(_refresh, key, find), name="figures")
    return known


def _find(key: str, find: Callable[[], Found]) -> Remembered[Found]:
    result = _looked_up(find)
    cache.set(key, result, timeout=2 * TOO_OLD.total_seconds())
    return result


def _looked_up(find: Callable[[], Found]) -> Remembered[Found]:
    as_of, began = timezone.now(), time.monotonic()
    return Remembered(find(), as_of, timedelta(seconds=REST * (time.monotonic() - began)))


def _refresh(key: str, find: Callable[[], Found]) -> None:
    try:
        with _one_at_a_time:
            _find(key, find)
    except Error:
        logger.warning("Some figures stay as they are; the database does not answer.")
    except RedisError:
        logger.warning("Some figures stay as they are; the cache does not answer.")
    finally:
        with suppress(RedisError):  # then it ends by itself
            cache.delete(f"{key}:refreshing")
