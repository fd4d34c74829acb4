"""Why a clip is held: who may hear it, and whether it may be deleted."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class PinQuerySet(models.QuerySet["Pin"]):
    def in_force(self) -> Self:
        return self.filter(Q(until__isnull=True) | Q(until__gt=Now()))

    def published(self) -> Self:
        """What listeners hear now: anyone may keep it for as long as its address holds."""
        return self.in_force().filter(reason__in=[Pin.Reason.LIVE, Pin.Reason.SYSTEM])

    def audible(self) -> Self:
        """What anyone may hear without a token. To be popular is no reason: that is for each text to say."""
        return self.in_force().exclude(reason__in=[Pin.Reason.DRAFT, Pin.Reason.FREQUENT])


class Pin(models.Model):
    """Why a clip is held: who may hear it and whether it may go, without knowing what it is part of."""

    class Reason(models.TextChoices):
        LIVE = "live", "Live"
        SYSTEM = "system", "System clip"
        RECENT = "recent", "Live until lately"
        BANK = "bank", "Reflection bank"
        DRAFT = "draft", "Draft"
        FREQUENT = "frequent", "Frequent reflection"

    content_hash = models.CharField(max_length=32)
    reason = models.CharField(max_length=10, choices=Reason)
    until = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[models.Manager[Pin]] = PinQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["content_hash", "reason"], name="one_pin_a_clip_and_reason")
        ]

    def __str__(self) -> str:
        return f"{self.content_hash}: {self.reason}"
