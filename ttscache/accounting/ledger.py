"""Ledger: counts requests and costs in memory, and adds them to the database every few seconds.

It records the hour, kind, voice, outcome and latency bucket of each requested clip, never a person or a text.
Which requests count is decided in delivery/metering.py; counters.py names the tables.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import Error, transaction

from ttscache.accounting.counters import DAILY_REQUESTS, PLAYBACK_STARTS, SPENDING, USAGE, Key
from ttscache.connections import returning_connections, start_thread
from ttscache.models import Clip, FlushedBatch, LastProviderOutcome
from ttscache.models.booking import microusd_of
from ttscache.speech import SpeechRequest

logger = logging.getLogger(__name__)

HITS = ("memory", "file", "database", "storage", "edge")
MISSES = ("collapsed", "generated")
OUTCOMES = (*HITS, "generated", "collapsed", "failed", "fallback")
UNPRICED = ("failed", "fallback")  # nothing was served, or what was served costs nothing to make
UNTIMED = ("edge",)  # counted from a log, which says nothing of the time to the first byte
# Upper ends in milliseconds; the last bucket is open. Histograms of one shape add up over processes.
LATENCY_BUCKETS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000)

HOUR_SECONDS = 3_600
DAY_SECONDS = 24 * HOUR_SECONDS


@dataclass(frozen=True, slots=True)
class RequestedClip:
    """The facts about a requested clip that the ledger counts."""

    content_hash: str  # empty for a person's own words
    content_type: str
    voice: str
    model: str
    characters: int


@dataclass(frozen=True, slots=True)
class EdgeHit:
    """A request that nginx or a CDN answered without this site, `seconds` after 1970."""

    seconds: float
    requested: RequestedClip
    audio_bytes: int
    made_ahead: bool


class Batch:
    """Counts since the batch began, in the order of their table's `counts`.

    Hours and days are whole numbers since 1970, which is cheap on each request; `write` converts them once.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.usage: defaultdict[Key, list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0])
        self.spending: defaultdict[Key, list[int]] = defaultdict(lambda: [0, 0, 0])
        self.playback_starts: defaultdict[Key, list[int]] = defaultdict(lambda: [0])
        self.daily_requests: defaultdict[tuple[int, str], int] = defaultdict(int)
        self.last_outcomes: dict[str, float] = {}  # outcome: seconds since 1970

    def __bool__(self) -> bool:
        return bool(self.usage or self.spending or self.playback_starts or self.daily_requests)

    def add(  # noqa: PLR0917 - names of arguments would cost a tenth of counting a request
        self,
        hour: int,
        requested: RequestedClip,
        outcome: str,
        bucket: int,
        audio_bytes: int,
        microusd: int,
        made_ahead: bool,
    ) -> None:
        """Count one request of this hour. `bucket` is one of LATENCY_BUCKETS_MS."""
        figures = self.usage[hour, requested.content_type, requested.voice, outcome, bucket]
        figures[0] += 1
        figures[1] += requested.characters
        figures[2] += audio_bytes
        figures[3] += microusd
        if made_ahead and outcome in HITS:
            figures[4] += 1
        if requested.content_hash:
            self.daily_requests[hour // 24, requested.content_hash] += 1

    def write(self) -> None:
        USAGE.add(_by_hour(self.usage))
        SPENDING.add(_by_hour(self.spending))
        PLAYBACK_STARTS.add(_by_hour(self.playback_starts))
        counted = self.daily_requests.items()
        DAILY_REQUESTS.add({(_moment(day * DAY_SECONDS).date(), key): [n] for (day, key), n in counted})
        Clip.objects.touch_all({key for _, key in self.daily_requests})
        for outcome in sorted(self.last_outcomes):  # sorted against deadlocks, as in the counter tables
            LastProviderOutcome.objects.note(outcome, _moment(self.last_outcomes[outcome]))


class Ledger:
    """The counts of one process. `price_usd` gives the price of a clip as if it were spoken now.

    Thread-safe. A batch that could not be written is kept and tried again. Each batch has a number and is
    written in one transaction with a row of that number. If the database commits but its answer is lost, the
    next try finds that row and adds nothing twice.
    """

    def __init__(
        self, price_usd: Callable[[RequestedClip], float], clock: Callable[[], float] = time.time
    ) -> None:
        self._price_usd = price_usd
        self._clock = clock
        self._name = uuid.uuid4().hex
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._open = Batch(1)
        self._closed: Batch | None = None  # being written, or waiting for the database

    def record_request(
        self,
        requested: RequestedClip,
        outcome: str,
        seconds: float,
        audio_bytes: int,
        *,
        made_ahead: bool = False,
    ) -> None:
        """Count one request for a clip. `seconds` lie between the request and the first byte."""
        hour = int(self._clock() // HOUR_SECONDS)
        bucket = bisect_left(LATENCY_BUCKETS_MS, seconds * 1_000)
        # As `microusd_of`, which would cost each hit a call.
        list_price_microusd = round(self._price_usd(requested) * 1e6) if outcome not in UNPRICED else 0
        with self._lock:
            self._open.add(hour, requested, outcome, bucket, audio_bytes, list_price_microusd, made_ahead)

    def write_edge_hits(self, hits: Iterable[EdgeHit]) -> None:
        """Add requests that a log tells of to the database, in the caller's transaction. Raises Error.

        They lie in the first latency bucket, and reports leave it out (UNTIMED).
        """
        batch = Batch(0)
        for hit in hits:
            batch.add(
                int(hit.seconds // HOUR_SECONDS),
                hit.requested,
                "edge",
                bucket=0,
                audio_bytes=hit.audio_bytes,
                microusd=microusd_of(self._price_usd(hit.requested)),
                made_ahead=hit.made_ahead,
            )
        batch.write()

    def record_call(self, request: SpeechRequest, content_type: str, usd: float, outcome: str) -> None:
        """Count one provider call. `outcome` is "ok" or an error's code."""
        now = self._clock()
        hour = int(now // HOUR_SECONDS)
        with self._lock:
            self._open.last_outcomes[outcome] = now
            figures = self._open.spending[hour, content_type, request.voice, request.model, outcome]
            figures[0] += 1
            figures[1] += len(request.text)
            figures[2] += microusd_of(usd)

    def record_chat_call(
        self, model: str, content_type: str, characters: int, usd: float, outcome: str
    ) -> None:
        """One call of a chat model, which has no voice. `characters`: of what it wrote.

        It says nothing about the voice service, so it neither raises nor ends an alert about its key.
        """
        hour = int(self._clock() // HOUR_SECONDS)
        with self._lock:
            figures = self._open.spending[hour, content_type, "", model, outcome]
            figures[0] += 1
            figures[1] += characters
            figures[2] += microusd_of(usd)

    def record_playback(self, content_type: str, voice: str, milliseconds: int) -> None:
        """Count a clip that began to sound in a browser `milliseconds` after the listener asked for it."""
        hour = int(self._clock() // HOUR_SECONDS)
        bucket = bisect_left(LATENCY_BUCKETS_MS, milliseconds)
        with self._lock:
            self._open.playback_starts[hour, content_type, voice, bucket][0] += 1

    def flush(self) -> bool:
        """Write all counts to the database; False if it does not answer, and the counts are kept.

        Returns only when everything counted before this call is written, even by another thread.
        """
        with self._flushing:
            if not self._write_closed_batch():
                return False
            with self._lock:
                if self._open:
                    self._closed, self._open = self._open, Batch(self._open.number + 1)
            return self._write_closed_batch()

    @contextmanager
    def flushed_every(self, seconds: float) -> Iterator[None]:
        """Flush in the background during a long task, in a process without housekeeping."""
        is_over = threading.Event()

        def flush_until_over() -> None:
            while not is_over.wait(seconds):
                with returning_connections():
                    self.flush()

        thread = start_thread(flush_until_over, name="ledger")
        try:
            yield
        finally:
            is_over.set()
            thread.join()
            self.flush()

    def _write_closed_batch(self) -> bool:
        batch = self._closed
        if batch is None:
            return True
        try:
            # Durable: within a caller's transaction, its rollback would lose a batch that counts as written.
            with transaction.atomic(durable=True):
                if FlushedBatch.objects.register(self._name, batch.number):
                    batch.write()
        except Error:
            logger.warning("The ledger keeps its counts and tries again: the database does not answer.")
            return False
        self._closed = None
        return True


def _by_hour(figures: Mapping[Key, list[int]]) -> dict[Key, list[int]]:
    return {(_moment(key[0] * HOUR_SECONDS), *key[1:]): counts for key, counts in figures.items()}


def _moment(seconds: float) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
