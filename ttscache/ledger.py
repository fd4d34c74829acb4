"""Counts and prices: kept in memory, added to Usage, Spending and ClipDay now and then.

Of every clip asked for: the hour, kind, voice, outcome and latency bucket. No person and no text.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import DatabaseError, models, transaction
from django.db.models import F
from django.db.models.functions import Now

from ttscache.models import Clip, ClipDay, ProcessReport, Spending, Usage
from ttscache.speech import SpeechRequest

logger = logging.getLogger(__name__)

HITS = ("memory", "file", "database", "storage", "edge")
MISSES = ("collapsed", "generated")
OUTCOMES = (*HITS, "generated", "collapsed", "failed")
# Upper ends in milliseconds; the last bucket is open. Histograms of one shape add up over processes.
LATENCY_BUCKETS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000)

ACCESS_PRECISION = timedelta(hours=1)  # how exactly "last asked for" is known

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asked for, as far as it is counted."""

    content_hash: str  # empty for a person's own words
    content_type: str
    voice: str
    model: str
    characters: int


class Ledger:
    """The books of one process. `usd_per_character` prices a text of a model as if it were spoken now.

    Thread-safe. What could not be written stays here and is written next time.
    """

    def __init__(self, price_usd: Callable[[Asked], float]) -> None:
        self._price_usd = price_usd
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._usage: Counter[Key] = Counter()
        self._spending: Counter[Key] = Counter()
        self._days: Counter[Key] = Counter()

    def asked(self, asked: Asked, outcome: str, seconds: float, audio_bytes: int) -> None:
        """One request for a clip, and how it went. `seconds`: from the request to the first byte."""
        now = datetime.now(UTC)
        hour = now.replace(minute=0, second=0, microsecond=0)
        bucket = bisect_left(LATENCY_BUCKETS_MS, seconds * 1_000)
        is_served = outcome != "failed"
        worth = round(self._price_usd(asked) * 1e6) if is_served else 0
        key = (hour, asked.content_type, asked.voice, outcome, bucket)
        with self._lock:
            self._usage[*key, "requests"] += 1
            self._usage[*key, "characters"] += asked.characters
            self._usage[*key, "audio_bytes"] += audio_bytes
            self._usage[*key, "worth_microusd"] += worth
            if asked.content_hash:
                self._days[asked.content_hash, now.date(), "requests"] += 1

    def paid(self, request: SpeechRequest, content_type: str, usd: float, outcome: str) -> None:
        """One provider call. `outcome` is "ok" or an error's code."""
        hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        key = (hour, content_type, request.voice, request.model, outcome)
        with self._lock:
            self._spending[*key, "calls"] += 1
            self._spending[*key, "characters"] += len(request.text)
            self._spending[*key, "cost_microusd"] += round(usd * 1e6)

    def flush(self) -> bool:
        """Add what was counted to the database; False when it has to wait for a better moment.

        Returns once all that was counted before is written, also where another thread is at it.
        """
        with self._flushing:
            return self._flush()

    def _flush(self) -> bool:
        with self._lock:
            usage, self._usage = self._usage, Counter()
            spending, self._spending = self._spending, Counter()
            days, self._days = self._days, Counter()
        if not (usage or spending or days):
            return True
        try:
            with transaction.atomic():
                _add_up(Usage, ("hour", "content_type", "voice", "outcome", "latency_bucket"), usage)
                _add_up(Spending, ("hour", "content_type", "voice", "model", "outcome"), spending)
                _add_up(ClipDay, ("content_hash", "day"), days)
                Clip.objects.filter(
                    content_hash__in={key[0] for key in days}, last_accessed_at__lt=Now() - ACCESS_PRECISION
                ).update(last_accessed_at=Now())
        except DatabaseError:
            logger.warning("The ledger keeps its counts; the database does not take them just now.")
            with self._lock:
                self._usage.update(usage)
                self._spending.update(spending)
                self._days.update(days)
            return False
        return True


def report_process(clips_in_memory: int) -> None:
    """Say how this process is doing, for the figures of its host. Raises DatabaseError."""
    ProcessReport.objects.update_or_create(
        host=socket.gethostname(),
        process=str(os.getpid()),
        defaults={"clips_in_memory": clips_in_memory, "reported_at": Now()},
    )


def _add_up(model: type[models.Model], fields: tuple[str, ...], counts: Mapping[Key, int]) -> None:
    """Add the counts to their rows, made first where new. A key is the fields' values and a column."""
    rows: dict[Key, dict[str, int]] = {}
    for key, number in sorted(counts.items()):  # one order everywhere, so that flushes do not deadlock
        rows.setdefault(key[:-1], {})[key[-1]] = number
    manager = model._default_manager
    manager.bulk_create(
        [model(**dict(zip(fields, values, strict=True))) for values in rows], ignore_conflicts=True
    )
    for values, columns in rows.items():
        manager.filter(**dict(zip(fields, values, strict=True))).update(
            **{column: F(column) + number for column, number in columns.items()}
        )
