"""What is counted: requests, provider calls, sounds in browsers, and the budget of a day."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class Usage(models.Model):
    """Clips asked for in one hour, by kind, voice, outcome and latency bucket. No person, no text."""

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
    """Provider calls of one hour, background work included, at the price of the time."""

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
    """Clips that began to sound in browsers, by how long people waited for them. No person, no text, and no
    proof: anybody may report one."""

    hour = models.DateTimeField()
    content_type = models.CharField(max_length=50)
    voice = models.CharField(max_length=50)
    latency_bucket = models.SmallIntegerField()
    starts = models.BigIntegerField(default=0)

    class Meta:
        verbose_name, verbose_name_plural = "time to sound", "times to sound"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["hour", "content_type", "voice", "latency_bucket"], name="one_playback_start_row"
            )
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}h {self.content_type} {self.voice}: {self.starts}"


class BudgetDay(models.Model):
    """What provider calls of one day (UTC) have cost, and what is set aside for those under way."""

    day = models.DateField(unique=True)
    committed_microusd = models.BigIntegerField(default=0)


class DailyRequests(models.Model):
    """How often one clip was asked for on one day (UTC)."""

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
        """Note that this batch is written in the same transaction; False if it was written already.

        Where the first attempt is still about to be committed, this waits for its end.
        """
        if self.filter(ledger=ledger, number__lt=number).update(number=number, flushed_at=Now()):
            return True
        return self.get_or_create(ledger=ledger, defaults={"number": number, "flushed_at": Now()})[1]


class FlushedBatch(models.Model):
    """The last batch of counts that one process wrote, so that none is written twice."""

    ledger = models.CharField(max_length=32, primary_key=True)
    number = models.BigIntegerField()
    flushed_at = models.DateTimeField()

    objects: ClassVar[models.Manager[FlushedBatch]] = FlushedBatchQuerySet.as_manager()


class LastProviderOutcomeQuerySet(models.QuerySet["LastProviderOutcome"]):
    def note(self, outcome: str, at: datetime) -> None:
        """Unless a later one is known: batches of counts may be written late."""
        if not self.filter(outcome=outcome, at__lt=at).update(at=at):
            self.get_or_create(outcome=outcome, defaults={"at": at})


class LastProviderOutcome(models.Model):
    """When a provider call last ended in this way: as in Spending, "ok" or what was the matter."""

    outcome = models.CharField(max_length=40, primary_key=True)
    at = models.DateTimeField()

    objects: ClassVar[models.Manager[LastProviderOutcome]] = LastProviderOutcomeQuerySet.as_manager()
