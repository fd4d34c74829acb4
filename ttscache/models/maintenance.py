"""What cleaning up needs to know: prunes, invalidated copies, objects to delete, which database this is."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone


class PendingDeletion(models.Model):
    """An object that no record names, or not yet; removed from `remove_after` on, unless one does by then.

    Written before the object is, so that whoever is killed in between leaves nothing that is not known.
    """

    name = models.TextField(primary_key=True)
    remove_after = models.DateTimeField(db_index=True)


class DatabaseIdentity(models.Model):
    """Which database this is, for a bucket that holds its clips. One row, written once."""

    name = models.UUIDField(default=uuid.uuid4, editable=False)
    # The model that speaks where TTS_MODEL is not set: chosen once, never changed by an upgrade or a date.
    default_model = models.CharField(max_length=100, default="", blank=True, editable=False)

    class Meta:
        verbose_name_plural = "identity"

    def __str__(self) -> str:
        return str(self.name)

    @classmethod
    def of_this_database(cls) -> str:
        return str(cls.objects.get_or_create(pk=1)[0])


class Invalidation(models.Model):
    """A clip that was removed or has other bytes now, for every process and host that may hold a copy of it.
    Kept for some days.
    """

    content_hash = models.CharField(max_length=32)
    removed_at = models.DateTimeField(db_default=Now(), db_index=True, editable=False)


class Replaced(models.Model):
    """The bytes at rest of a clip that was made again: how many there were, since when, and until when.

    So what grows is told from what only changes. Kept for some weeks.
    """

    stored_bytes = models.BigIntegerField()
    stored_at = models.DateTimeField(editable=False)
    replaced_at = models.DateTimeField(db_default=Now(), db_index=True, editable=False)

    class Meta:
        verbose_name_plural = "replaced"


class PruneRun(models.Model):
    """One prune: what it found, and how much of it is gone. `requested_by` is a person or a program.

    A planned run removes nothing: it is a list that staff look at, and `started_at` is when it was made.
    The figures that begin with `listed` are those of the list, the others those of what is gone.
    """

    class State(models.TextChoices):
        PLANNED = "planned", "Planned"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        STOPPED = "stopped", "Stopped"
        FAILED = "failed", "Cut off"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    state = models.CharField(max_length=10, choices=State, default=State.RUNNING)
    days = models.IntegerField()
    requested_by = models.CharField(max_length=150, default="", blank=True)
    started_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)
    listed = models.IntegerField(default=0)
    listed_bytes = models.BigIntegerField(default=0)
    listed_cost_microusd = models.BigIntegerField(default=0)
    removed = models.IntegerField(default=0)
    freed_bytes = models.BigIntegerField(default=0)
    remake_cost_microusd = models.BigIntegerField(default=0)
    kept_back = models.IntegerField(default=0)
    # Of clips that cannot be bought again, after their count was typed back. `days` says nothing then.
    is_of_irreplaceable = models.BooleanField(default=False, db_default=False)

    class Meta:
        verbose_name = "clean-up"
        ordering: ClassVar = ["-started_at"]

    def __str__(self) -> str:
        return f"{self.started_at:%d %b %Y %H:%M}, {self.listed} clips listed"


class PruneBatch(models.Model):
    """Clips on the list of a prune that it has not looked at yet. None are left when it is at its end."""

    run = models.ForeignKey(PruneRun, models.CASCADE, related_name="batches")
    content_hashes = models.JSONField()

    class Meta:
        verbose_name_plural = "prune batches"
