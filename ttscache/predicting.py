"""What a listener is about to ask for is made before they do; which clips those are, a registered hook says.

A request only drops its key here; a thread of each web process, begun and ended by its housekeeping, asks
what follows and has it made.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from queue import Full, Queue

from cachebox import TTLCache
from django.db import Error

from ttscache import warming
from ttscache.conf import conf
from ttscache.connections import OrmThread, returning_connections
from ttscache.warming import Wanted

logger = logging.getLogger(__name__)

WhatFollows = Callable[[str], Sequence[Wanted]]

MOST_WAITING = 1_000
MOST_SEEN, SEEN_SECONDS = 10_000, 60


class Predictor:
    """One thread, from `start` to `stop`. `what_follows` tells, by a content hash, what is asked for next."""

    def __init__(self, what_follows: WhatFollows) -> None:
        self._what_follows = what_follows
        self._seen: TTLCache[str, bool] = TTLCache(MOST_SEEN, SEEN_SECONDS)
        self._waiting: Queue[str] = Queue(MOST_WAITING)
        self._is_over = threading.Event()
        self._thread = OrmThread(target=self._run, name="predictor", daemon=True)

    def start(self) -> Predictor:
        self._thread.start()
        return self

    def stop(self) -> None:
        self._is_over.set()
        self.asked("")  # wakes it
        self._thread.join(timeout=1)

    def asked(self, content_hash: str) -> None:
        """A listener asks for this now. No query, no wait, no error: if too many wait, it is let go."""
        if content_hash in self._seen:
            return
        try:
            self._waiting.put_nowait(content_hash)
        except Full:
            return
        self._seen[content_hash] = True

    def _run(self) -> None:
        while True:
            content_hash = self._waiting.get()
            if self._is_over.is_set():
                return
            try:
                with returning_connections():  # the next key may be long in coming
                    self._predict(content_hash)
            except Error:
                logger.debug("Nothing is predicted while the database is away.")
            except Exception:
                logger.exception("Predicting failed; it goes on.")

    def _predict(self, content_hash: str) -> None:
        wanted = self._what_follows(content_hash)
        if wanted:
            scope = f"ahead, {wanted[0].speech.voice}"
            warming.hurry(scope, wanted, asked_by="a listener's question")


_what_follows: WhatFollows | None = None
_predictor: Predictor | None = None


def register(what_follows: WhatFollows) -> None:
    """For whoever knows what is said after what; called once, when the applications are ready."""
    global _what_follows  # noqa: PLW0603 - there is one
    _what_follows = what_follows


def start() -> None:
    """Begin in this process, unless it is switched off."""
    global _predictor  # noqa: PLW0603 - one per process
    if _predictor is None and _what_follows is not None and conf().predict_ahead:
        _predictor = Predictor(_what_follows).start()


def stop() -> None:
    global _predictor
    predictor, _predictor = _predictor, None
    if predictor is not None:
        predictor.stop()


def asked(content_hash: str) -> None:
    """The same for the predictor of this process, if it has one."""
    predictor = _predictor  # which is gone when the process ends
    if predictor is not None:
        predictor.asked(content_hash)
