"""Caches results of slow queries: the longer a result took, the longer it is kept.

`ProcessCache` keeps the latest answer to one question in this process. `shared_result` keeps answers in
Django's cache for all processes, and serves an old one while a thread refreshes it.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial, wraps
from typing import Any, Generic, TypeVar
from urllib.parse import quote
from weakref import WeakSet

from django.core.cache import cache
from django.db import Error
from django.utils import timezone

from ttscache.connections import start_thread

logger = logging.getLogger(__name__)

T = TypeVar("T")

QUICK_SECONDS = 0.2  # a process does not keep an answer that took less
TOO_OLD = timedelta(days=1)  # an older result is not shown even while a thread refreshes it
KEPT_SECONDS = 2 * TOO_OLD.total_seconds()
REFRESH_SECONDS = 120  # after this another process may try
FORMAT = 1  # change it with the stored form, so that values of earlier versions are not found


@dataclass(frozen=True, slots=True)
class Freshness:
    """How long a result is good for: `times` as long as its look-up took, but `at_least` so long.

    With `times=10`, look-ups take at most a tenth of the database's time, however slow they get.
    """

    times: float
    at_least: timedelta = timedelta()

    def after(self, took_seconds: float) -> timedelta:
        return max(self.at_least, timedelta(seconds=self.times * took_seconds))


@dataclass(frozen=True, slots=True)
class CachedResult(Generic[T]):
    """The result of a look-up, when it began, and how long it is good for."""

    found: T
    as_of: datetime
    good_for: timedelta = timedelta()

    @property
    def age(self) -> timedelta:
        """Never negative: after the clock was set back, a negative age would make a result good for ever."""
        return abs(timezone.now() - self.as_of)

    @property
    def is_good(self) -> bool:
        return self.age < self.good_for


def _look_up(look: Callable[[], T], freshness: Freshness, quick_seconds: float = 0.0) -> CachedResult[T]:
    as_of, began = timezone.now(), time.monotonic()
    found = look()
    took_seconds = time.monotonic() - began
    return CachedResult(
        found, as_of, freshness.after(took_seconds) if took_seconds >= quick_seconds else timedelta()
    )


# --- in this process ---------------------------------------------------------------------------------------
class ProcessCache(Generic[T]):
    """Keeps the latest answer to one question. Threads that ask at once wait for one look-up."""

    def __init__(self, freshness: Freshness) -> None:
        self._freshness = freshness
        self._lock = threading.Lock()
        self._subject: Hashable = None
        self._latest: CachedResult[T] | None = None
        _process_caches.add(self)

    def get(self, look: Callable[[], T], *, subject: Hashable = None) -> T:
        """Return what `look` found lately about this `subject`, or call it."""
        with self._lock:
            latest = self._latest
            if latest is None or self._subject != subject or not latest.is_good:
                latest = _look_up(look, self._freshness, QUICK_SECONDS)
                self._latest, self._subject = latest, subject
            return latest.found

    def forget(self) -> None:
        with self._lock:
            self._latest = None


_process_caches: WeakSet[ProcessCache[Any]] = WeakSet()


def cached_in_process(freshness: Freshness) -> Callable[[Callable[[], T]], Callable[[], T]]:
    """Decorate a function without arguments so that this process keeps its result."""

    def decorate(look: Callable[[], T]) -> Callable[[], T]:
        results: ProcessCache[T] = ProcessCache(freshness)
        return wraps(look)(partial(results.get, look))

    return decorate


def forget_process_results() -> None:
    """Empty every ProcessCache of this process."""
    for results in list(_process_caches):
        results.forget()


# --- for all processes -------------------------------------------------------------------------------------
class SharedCacheState:
    """Logs when Django's cache goes away and when it is back: one line each, however many requests notice."""

    def __init__(self) -> None:
        self._is_there = True
        self._lock = threading.Lock()

    def note(self, *, is_there: bool) -> None:
        with self._lock:
            has_changed, self._is_there = is_there != self._is_there, is_there
        if not has_changed:
            return
        if is_there:
            logger.warning("The cache answers again.")
        else:
            logger.warning(
                "The cache does not answer: each process throttles by itself, and figures are not kept."
            )


shared_cache = SharedCacheState()


def cache_errors() -> tuple[type[Exception], ...]:
    """The errors of a cache in Redis that does not answer; none on a site without Redis.

    Use it after `except`, where it is called only when there is an error: redis is loaded by then, and a site
    that does not use it never pays for loading it.
    """
    loaded = sys.modules.get("redis.exceptions")
    return (loaded.RedisError,) if loaded else ()


# However many results are old, refreshing them uses one connection: the pool has few.
_one_refresh_at_a_time = threading.Lock()


def shared_result(
    name: str, look: Callable[[], Any], freshness: Freshness, read: Callable[[Any], T] = lambda plain: plain
) -> CachedResult[T]:
    """Return what `look` found lately in any process.

    An answer that is no longer good, but less than a day old, is returned while a thread refreshes it. `look`
    returns JSON data and `read` makes the result of it; tuples come back as lists. A value that `read` cannot
    read is looked up again. Without a cache every call looks. Raises django.db.Error.
    """
    key = key_of(name)
    renew = partial(_renew, key, look, freshness)
    try:
        kept = kept_result(name, read)
        if kept is None or kept.age > TOO_OLD:
            return _readable(renew(), read)
        # add() succeeds in one process only, so the others go on with the old result.
        if not kept.is_good and cache.add(f"{key}:refreshing", True, REFRESH_SECONDS):
            with suppress(RuntimeError):  # no thread can start: another process tries in two minutes
                start_thread(partial(_refresh, key, renew), name="figures")
        shared_cache.note(is_there=True)
    except cache_errors():
        shared_cache.note(is_there=False)
        return _readable(_stored(_look_up(look, freshness)), read)
    return kept


def keep_result(name: str, plain: Any) -> None:
    """Store a result for `kept_result`. If the cache does not answer, the earlier one stays.

    Raises django.db.Error where Django's cache is a table of the database.
    """
    try:
        cache.set(key_of(name), _stored(CachedResult(plain, timezone.now())), timeout=KEPT_SECONDS)
    except cache_errors():
        pass


def kept_result(name: str, read: Callable[[Any], T]) -> CachedResult[T] | None:
    """The result stored under this name in the last two days, or None. Raises Error and `cache_errors()`."""
    try:
        stored = _read(key_of(name))
        return None if stored is None else _readable(stored, read)
    except Error:
        raise
    except cache_errors():
        raise
    except Exception as error:
        # A value of another version, which `read` does not understand; it may raise anything.
        logger.info("A cached result cannot be read and is looked up again (%s).", type(error).__name__)
        return None


_read_ahead: ContextVar[dict[str, str | None] | None] = ContextVar("read_ahead", default=None)


@contextmanager
def read_together(names: Iterable[str]) -> Iterator[None]:
    """Read the stored results of all these names at once; within the block, the first look uses them.

    Raises django.db.Error where Django's cache is a table of the database.
    """
    keys = list(map(key_of, names))
    ahead: dict[str, str | None] = {}
    try:
        found = cache.get_many(keys)
        ahead = {key: found.get(key) for key in keys}
    except Error:
        raise
    except Exception as error:
        # The cache is down, or one value is no JSON of ours. Each look reads its own and finds out which.
        logger.info("Cached results cannot be read together (%s).", type(error).__name__)
    token = _read_ahead.set(ahead)
    try:
        yield
    finally:
        _read_ahead.reset(token)


def _read(key: str) -> str | None:
    ahead = _read_ahead.get()
    # Once only: a second look must find what the first one may have renewed.
    return ahead.pop(key) if ahead is not None and key in ahead else cache.get(key)


def key_of(name: str) -> str:
    """The key in Django's cache. Quoted, because a voice's name may contain a space."""
    return f"results-{FORMAT}:{quote(name, safe=':')}"


def _renew(key: str, look: Callable[[], Any], freshness: Freshness) -> str:
    stored = _stored(_look_up(look, freshness))
    cache.set(key, stored, timeout=KEPT_SECONDS)
    return stored


def _refresh(key: str, renew: Callable[[], object]) -> None:
    try:
        with _one_refresh_at_a_time:
            renew()
    except Error:
        logger.warning("Some figures are not refreshed: the database does not answer.")
    except cache_errors():
        shared_cache.note(is_there=False)
    finally:
        try:
            cache.delete(f"{key}:refreshing")
        except Error:
            pass  # the mark expires by itself
        except cache_errors():
            pass


# JSON, because a pickled class cannot be read after an upgrade that moves it.
def _stored(result: CachedResult[Any]) -> str:
    as_of, good_for = result.as_of.isoformat(), result.good_for.total_seconds()
    return json.dumps({"found": result.found, "as_of": as_of, "good_for": good_for})


def _readable(stored: str, read: Callable[[Any], T]) -> CachedResult[T]:
    kept = json.loads(stored)
    return CachedResult(
        read(kept["found"]),
        datetime.fromisoformat(kept["as_of"]).astimezone(UTC),
        timedelta(seconds=kept["good_for"]),
    )
