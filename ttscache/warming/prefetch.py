"""Makes the clips that a listener will probably request next. The app above says which ones follow a clip.

A request only leaves its key here, with its id for the log. One thread of each web process, which
housekeeping starts and stops, looks up the clips that follow and queues them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial
from queue import Full, Queue

from cachebox import TTLCache
from django.db import Error

from ttscache import hooks
from ttscache.conf import conf
from ttscache.connections import OrmThread, returning_connections
from ttscache.speech import ClipSpec
from ttscache.thread_context import in_this_context
from ttscache.warming.runs import prioritize

logger = logging.getLogger(__name__)

WhatFollows = Callable[[str], Sequence[ClipSpec]]

MOST_WAITING = 1_000
MOST_SEEN, SEEN_SECONDS = 10_000, 60  # a clip requested again within a minute has its followers queued


class Prefetcher:
    """One thread, from `start` to `stop`. `what_follows` gets the content hash of a requested clip."""

    def __init__(self, what_follows: WhatFollows) -> None:
        self._what_follows = what_follows
        self._seen: TTLCache[str, bool] = TTLCache(MOST_SEEN, SEEN_SECONDS)
        self._waiting: Queue[Callable[[], None]] = Queue(MOST_WAITING)
        self._is_over = threading.Event()
        self._thread = OrmThread(target=self._run, name="prefetch", daemon=True)

    def start(self) -> Prefetcher:
        self._thread.start()
        return self

    def stop(self) -> None:
        self._is_over.set()
        self.note_request("")  # wakes the thread
        self._thread.join(timeout=1)

    def note_request(self, content_hash: str) -> None:
        """Note that a listener requests this clip. Never blocks and never raises: a full queue drops it."""
        if content_hash in self._seen:
            return
        try:
            self._waiting.put_nowait(in_this_context(partial(self._try, content_hash)))
        except Full:
            return
        self._seen[content_hash] = True

    def _run(self) -> None:
        while True:
            work = self._waiting.get()
            if self._is_over.is_set():
                return
            work()

    def _try(self, content_hash: str) -> None:
        try:
            with returning_connections():  # the next key may be long in coming
                self._prefetch(content_hash)
        except Error:
            logger.debug("Prefetching waits for the database.")
        except Exception:
            logger.exception("Prefetching one clip failed.")

    def _prefetch(self, content_hash: str) -> None:
        specs = self._what_follows(content_hash)
        if specs:
            scope = f"ahead, {specs[0].speech.voice}"
            prioritize(scope, specs, requested_by="a listener's question")


_prefetcher: Prefetcher | None = None


def start_prefetching() -> None:
    """Start the prefetcher of this process, unless TTS_PREDICT_AHEAD switches it off."""
    global _prefetcher  # noqa: PLW0603 - one per process
    if _prefetcher is None and conf().predict_ahead:
        _prefetcher = Prefetcher(hooks.installed().what_follows).start()


def stop_prefetching() -> None:
    global _prefetcher
    prefetcher, _prefetcher = _prefetcher, None
    if prefetcher is not None:
        prefetcher.stop()


def note_request(content_hash: str) -> None:
    """Tell the prefetcher of this process, if it has one."""
    prefetcher = _prefetcher  # another thread may set it to None at any moment
    if prefetcher is not None:
        prefetcher.note_request(content_hash)
