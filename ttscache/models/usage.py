"""Counters: requests, provider calls, playback in browsers, and the budget of a day."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class Usage(models.Model):
    """Requests of one hour, by kind, voice, outcome and latency bucket. Names no person and no text."""

    hour = models.DateTimeField()
    content_type = models.CharField(max_length=50)
    voice = models.CharField(max_length=50)
    outcome = models.CharField(max_length=10)
    latency_bucket = models.SmallIntegerField()
    requests = models.BigIntegerField(default=0)
    characters = models.BigIntegerField(default=0)
    audio_bytes = models.BigIntegerField(default=0)
    list_price_microusd = models.BigIntegerField(default=0)
    warmed_hits = models.BigIntegerField(default=0, db_default=0)  # of `requests`: on clips made ahead

    class Meta:
        verbose_name_plural = "usage"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["hour", "content_type", "voice", "outcome", "latency_bucket"], name="one_usage_row"
            )
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}h {self.content_type} {self.voice} {self.outcome}: {self.requests}"


class Spending(models.Model):
    """Provider calls of one hour, including background work, at the price of that time."""

    hour = models.DateTimeField()
    content_type = models.CharField(max_length=50)
    voice = models.CharField(max_length=50)
    model = models.CharField(max_length=100)
    outcome = models.CharField(max_length=40)  # "ok", or the code of the error
    calls = models.BigIntegerField(default=0)
    characters = models.BigIntegerField(default=0)
    cost_microusd = models.BigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "spending"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["hour", "content_type", "voice", "model", "outcome"], name="one_spending_row"
            )
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}h {self.model} {self.outcome}: {self.calls}"


class PlaybackStart(models.Model):
    """Clips that began to play in browsers, by waiting time. Names no person and no text.

    Do not trust the figures too far: anybody can report a start.
    """

    hour = models.DateTimeField()
    content_type = models.CharField(max_length=50)
    voice = models.CharField(max_length=50)
    latency_bucket = models.SmallIntegerField()
    starts = models.BigIntegerField(default=0)

    class Meta:
        verbose_name, verbose_name_plural = "time to sound", "time to sound"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["hour", "content_type", "voice", "latency_bucket"], name="one_playback_start_row"
            )
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}h {self.content_type} {self.voice}: {self.starts}"


class BudgetDay(models.Model):
    """The cost of one day's provider calls (UTC), including reservations for those under way."""

    day = models.DateField(unique=True)
    committed_microusd = models.BigIntegerField(default=0)


class DailyRequests(models.Model):
    """How often one clip was requested on one day (UTC)."""

    content_hash = models.CharField(max_length=32)
    day = models.DateField()
    requests = models.BigIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["content_hash", "day"], name="one_row_a_clip_and_day")
        ]
        indexes: ClassVar = [models.Index(fields=["day"], name="daily_requests_day")]


class FlushedBatchQuerySet(models.QuerySet["FlushedBatch"]):
    def register(self, ledger: str, number: int) -> bool:
        """Register a batch, in the transaction that writes it; False if it was written already.

        Waits if an earlier attempt is still about to commit.
        """
        if self.filter(ledger=ledger, number__lt=number).update(number=number, flushed_at=Now()):
            return True
        return self.get_or_create(ledger=ledger, defaults={"number": number, "flushed_at": Now()})[1]


class FlushedBatch(models.Model):
    """The last batch of counts that one process wrote; prevents writing one twice."""

    ledger = models.CharField(max_length=32, primary_key=True)
    number = models.BigIntegerField()
    flushed_at = models.DateTimeField()

    objects: ClassVar[models.Manager[FlushedBatch]] = FlushedBatchQuerySet.as_manager()


class LastProviderOutcomeQuerySet(models.QuerySet["LastProviderOutcome"]):
    def note(self, outcome: str, at: datetime) -> None:
        """Store the time of this outcome, unless a later one is known: batches may be written late."""
        if not self.filter(outcome=outcome, at__lt=at).update(at=at):
            self.get_or_create(outcome=outcome, defaults={"at": at})


class LastProviderOutcome(models.Model):
    """When a provider call last ended with this outcome: "ok" or an error's code, as in Spending."""

    outcome = models.CharField(max_length=40, primary_key=True)
    at = models.DateTimeField()

    objects: ClassVar[models.Manager[LastProviderOutcome]] = LastProviderOutcomeQuerySet.as_manager()
