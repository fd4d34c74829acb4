"""Rows of maintenance: prunes, invalidated copies, objects to delete, the identity of this database."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone


class PendingDeletion(models.Model):
    """An object that no record names. It is removed after `remove_after` unless a record names it by then.

    The row is written before the object, so that a process killed in between leaves no unknown object.
    """

    name = models.TextField(primary_key=True)
    remove_after = models.DateTimeField(db_index=True)


class DatabaseIdentity(models.Model):
    """The identity that marks a bucket as this database's. One row, written once."""

    name = models.UUIDField(default=uuid.uuid4, editable=False)
    # The model if TTS_MODEL is not set: chosen once, never changed by an upgrade or a date.
    default_model = models.CharField(max_length=100, default="", blank=True, editable=False)

    class Meta:
        verbose_name_plural = "identity"

    def __str__(self) -> str:
        return str(self.name)

    @classmethod
    def of_this_database(cls) -> str:
        return str(cls.objects.get_or_create(pk=1)[0])


class Invalidation(models.Model):
    """A clip that was removed or replaced. Every process reads it to drop its copy. Kept for some days."""

    content_hash = models.CharField(max_length=32)
    removed_at = models.DateTimeField(db_default=Now(), db_index=True, editable=False)


class Replaced(models.Model):
    """The size and lifetime of bytes that a new version of a clip replaced.

    Storage figures use it to tell growth from replacement. Kept for some weeks.
    """

    stored_bytes = models.BigIntegerField()
    stored_at = models.DateTimeField(editable=False)
    replaced_at = models.DateTimeField(db_default=Now(), db_index=True, editable=False)

    class Meta:
        verbose_name_plural = "replaced"


class PruneRun(models.Model):
    """One prune: the clips on its list, and how many are removed. `requested_by` is a person or a program.

    A planned run removes nothing: staff look at its list, and `started_at` is when that was made. Figures
    that begin with `listed` count the list, the others count removed clips.
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
    # Removes clips that cannot be made again, after staff typed their count. `days` then has no meaning.
    is_of_irreplaceable = models.BooleanField(default=False, db_default=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.refused: dict[str, str] = {}  # clips that the database did not let go in this process, and why

    class Meta:
        verbose_name = "clean-up"
        ordering: ClassVar = ["-started_at"]

    def __str__(self) -> str:
        return f"{self.started_at:%d %b %Y %H:%M}, {self.listed} clips listed"


class PruneBatch(models.Model):
    """Clips on the list of a prune that it has not handled yet. A finished prune has none."""

    run = models.ForeignKey(PruneRun, models.CASCADE, related_name="batches")
    content_hashes = models.JSONField()

    class Meta:
        verbose_name_plural = "prune batches"
