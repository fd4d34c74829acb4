"""The background work of a web process, every few seconds: flush the ledger, read pins, follow invalidations.

It saves queries on requests: a process knows which clips are published before they are requested.
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import threading
import time
from collections.abc import Callable

from django.db import Error

from ttscache.cache import SpeechCache
from ttscache.conf import conf
from ttscache.connections import OrmThread, PoolWatch, returning_connections, start_thread
from ttscache.coordination.hosts import report_process
from ttscache.delivery.waiting_room import waiting_room
from ttscache.errors import Busy, TierError
from ttscache.heap import never_look_again_at_what_is_loaded, return_free_memory
from ttscache.maintenance.invalidation import InvalidationFollower
from ttscache.models import Pin
from ttscache.renditions import retirement
from ttscache.renditions.current import refresh_renditions
from ttscache.warming import popular, prefetch
from ttscache.warming.settings_changes import follow_settings
from ttscache.wiring import load_libraries, speech_cache

logger = logging.getLogger(__name__)

PINS_SECONDS, ALL_PINS_SECONDS = 10, 60
REPORT_SECONDS = 20
MEMORY_SECONDS = 10
LAST_RECORDINGS_SECONDS = 4  # how long a stopping process waits for clips in the making,
LAST_COUNTS_SECONDS = 1  # and then for their requests to be counted


class Housekeeping:
    """One thread, from `start` to `stop`. If the database is down, it tries again in the next round."""

    def __init__(self, cache: SpeechCache, flush_seconds: float) -> None:
        self._cache = cache
        self._flush_seconds = flush_seconds
        self._is_over = threading.Event()
        self._thread = OrmThread(target=self._run, name="housekeeping", daemon=True)
        self._invalidations = InvalidationFollower(cache)
        self._pool_watch = PoolWatch()
        self._due: dict[str, float] = {}
        self._published: frozenset[str] | None = None
        self._clips_reported = -1
        self._are_settings_followed = False

    def start(self) -> Housekeeping:
        # Load libraries now: otherwise the first miss would wait for them, for seconds on a busy machine.
        start_thread(_load_libraries, name="libraries")
        start_thread(self._look_at_models, name="models")
        self._thread.start()
        prefetch.start_prefetching()
        atexit.register(self.stop)
        return self

    @returning_connections()
    def stop(self) -> None:
        """Finish or cut off recordings, so that their requests are counted; then write the counts.

        It may be called again to write counts that came in meanwhile.
        """
        # The order matters: recordings hold leases, and their requests are counted when they end. So close
        # the leases after the recordings, and flush the ledger last.
        self._is_over.set()
        prefetch.stop_prefetching()
        self._thread.join(timeout=2)
        self._cache.finish_recordings(LAST_RECORDINGS_SECONDS)
        waiting_room().wait_until_empty(LAST_COUNTS_SECONDS)
        self._cache.leases.close()
        self._cache.ledger.flush()

    def _run(self) -> None:
        self._do(self._report)  # at once: a restore must not begin on a site that has just started
        while not self._is_over.wait(self._flush_seconds):
            self._do(self._work)

    def _do(self, work: Callable[[], None]) -> None:
        try:
            with returning_connections():
                self._pool_watch.look()
                work()
        except Error:
            logger.warning("Housekeeping waits for the database.")
        except Exception:
            logger.exception("A round of housekeeping failed.")
        if self._pool_watch.is_lost:
            self._have_this_process_replaced()

    def _work(self) -> None:
        self._cache.ledger.flush()
        self._follow_settings()
        self._look_at_pins()
        self._invalidations.follow()
        self._report()
        self._keep_popular_at_hand()
        if self._is_due("memory", MEMORY_SECONDS):
            return_free_memory()

    def _look_at_models(self) -> None:
        """Read the provider's list at a start: new settings may name a model that it switches off soon."""
        try:
            retirement.look_once_a_day(self._cache.leases)
        except (Error, Busy):
            logger.warning("The list of models is read later; the database does not answer.")

    def _follow_settings(self) -> None:
        """Follow the settings once, then only refresh the renditions, which another host may change.

        `serve` has already followed the settings; a web server that was started alone has not.
        """
        if not self._are_settings_followed:
            follow_settings()
            self._are_settings_followed = True
        refresh_renditions()

    def _have_this_process_replaced(self) -> None:
        """End this process: gunicorn lets it answer its open requests, and starts another.

        Only gunicorn's web processes have a pool, so no other process comes here.
        """
        logger.error("The pool has lost its database connections; this web process is replaced.")
        self._pool_watch.start_anew()  # so that this one can still write its counts
        os.kill(os.getpid(), signal.SIGTERM)

    def _look_at_pins(self) -> None:
        if not self._is_due("pins", PINS_SECONDS):
            return
        published = frozenset(Pin.objects.published().values_list("content_hash", flat=True))
        # Once in a while even if nothing changed: a request that read the pins before a change may store its
        # clip here after it.
        if published != self._published or self._is_due("all pins", ALL_PINS_SECONDS):
            self._cache.tiers.set_published(published)
            self._published = published

    def _keep_popular_at_hand(self) -> None:
        if not self._is_due("popular", PINS_SECONDS):
            return
        try:
            popular.keep_at_hand(self._cache)
        except TierError as error:
            logger.warning("Popular reflections are fetched later: %s", error)

    def _report(self) -> None:
        clips = sum(1 for tier in self._cache.tiers.local if tier.name == "memory" for _ in tier.entries())
        if clips != self._clips_reported or self._is_due("report", REPORT_SECONDS):
            report_process(clips)
            self._clips_reported = clips

    def _is_due(self, what: str, seconds: float) -> bool:
        now = time.monotonic()
        if now < self._due.get(what, 0.0):
            return False
        self._due[what] = now + seconds
        return True


def _load_libraries() -> None:
    load_libraries()
    never_look_again_at_what_is_loaded()


_started: Housekeeping | None = None


def start_housekeeping() -> None:
    """Start the housekeeping of this process. Call it once the process serves, after any fork."""
    global _started  # noqa: PLW0603 - one per process, as its name says
    if _started is None:
        _started = Housekeeping(speech_cache(), conf().flush_seconds).start()


def stop_housekeeping() -> None:
    if _started is not None:
        _started.stop()
