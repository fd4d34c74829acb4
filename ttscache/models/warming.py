"""WarmRun and WarmItem: clips that are made ahead."""

from __future__ import annotations

import uuid
from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from ttscache.models.clips import Clip


class Lane(models.IntegerChoices):
    """The order in which clips are made ahead. A listener's own request never waits in a lane."""

    PREFETCH = 1, "First: a listener will need it soon"
    SCHEDULED = 2, "In turn"


class WarmRunQuerySet(models.QuerySet["WarmRun"]):
    def active(self) -> Self:
        return self.filter(state__in=WarmRun.ACTIVE)


class WarmRun(models.Model):
    """A job that makes many clips ahead. A scope has one active run; a second request joins it."""

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        PAUSED = "paused", "Paused"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    class Pause(models.TextChoices):
        BUDGET = "budget", "Today's budget is spent. This continues by itself once there is room again."
        STAFF = "staff", "Paused by staff. Press Resume to continue."

    ACTIVE = (State.QUEUED, State.RUNNING, State.PAUSED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # A key instead of a name: after a renaming, the run and its paid clips are still found.
    scope = models.CharField(max_length=120, help_text="The key of what is made.")
    name = models.CharField(max_length=120, default="", blank=True, help_text="What is made, in words.")
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True, blank=True)
    at_work_since = models.DateTimeField(null=True, blank=True)  # later than its start after a pause
    finished_at = models.DateTimeField(null=True, blank=True)
    paused_because = models.CharField(max_length=200, choices=Pause, default="", blank=True)
    paused_by = models.CharField(max_length=150, default="", blank=True)  # the person, if staff paused it
    requested_by = models.CharField(max_length=150, default="", blank=True)  # a person, or a program

    objects: ClassVar[models.Manager[WarmRun]] = WarmRunQuerySet.as_manager()

    class Meta:
        verbose_name = "audio job"
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["scope"],
                condition=Q(state__in=["queued", "running", "paused"]),
                name="one_active_run_a_scope",
            )
        ]

    def __str__(self) -> str:
        return f"{self.label} ({self.get_state_display().lower()})"

    @property
    def label(self) -> str:
        """The run's name for staff."""
        return self.name or self.scope

    @property
    def pause_in_words(self) -> str:
        """Why it is paused, by whom, and what to do; empty if it is not."""
        if self.paused_because == self.Pause.STAFF and self.paused_by:
            return f"Paused by {self.paused_by}. Press Resume to continue."
        says = str(self.get_paused_because_display())
        is_budget = self.paused_because == self.Pause.BUDGET
        return f"{says} Your administrator can raise the budget." if is_budget else says


class WarmItemQuerySet(models.QuerySet["WarmItem"]):
    def open(self) -> Self:
        """Items of active runs that are queued or being made."""
        return self.filter(run__state__in=WarmRun.ACTIVE, state__in=WarmItem.OPEN)


class WarmItem(models.Model):
    """One clip of a run: open, made, already there, or failed with a reason."""

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        MAKING = "making", "Being made"
        DONE = "done", "Made"
        SKIPPED = "skipped", "Already there"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    OPEN = (State.QUEUED, State.MAKING)

    run = models.ForeignKey(WarmRun, on_delete=models.CASCADE, related_name="items")
    clip = models.ForeignKey(Clip, on_delete=models.CASCADE, related_name="+")
    lane = models.SmallIntegerField(choices=Lane, default=Lane.SCHEDULED, db_default=Lane.SCHEDULED)
    position = models.IntegerField()
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    reason = models.CharField(max_length=200, default="", blank=True)
    attempts = models.SmallIntegerField(default=0)
    owner = models.CharField(max_length=120, default="", blank=True)  # of the lease under which it is made
    characters = models.IntegerField()
    cost_microusd = models.BigIntegerField(default=0)
    newer_than = models.DateTimeField(null=True, blank=True)  # an older clip is made again
    finished_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[models.Manager[WarmItem]] = WarmItemQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["run", "position"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "clip"], name="one_item_a_run_and_clip")
        ]
        indexes: ClassVar = [models.Index(fields=["state", "lane", "run"], name="warm_item_turn")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.position}: {self.state}"
