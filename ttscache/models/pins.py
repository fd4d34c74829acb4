"""Pin: the reason why a clip is held."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class PinQuerySet(models.QuerySet["Pin"]):
    def in_force(self) -> Self:
        return self.filter(Q(until__isnull=True) | Q(until__gt=Now()))

    def published(self) -> Self:
        """Pins of clips that listeners hear now. Anyone may cache them under their versioned URL."""
        return self.in_force().filter(reason__in=[Pin.Reason.LIVE, Pin.Reason.SYSTEM])

    def authored(self) -> Self:
        """Pins of texts that staff wrote and that are still in use. Free text and answers have none."""
        reason = Pin.Reason
        return self.in_force().filter(reason__in=[reason.LIVE, reason.SYSTEM, reason.BANK, reason.DRAFT])

    def audible(self) -> Self:
        """Pins that let anyone hear a clip without a token. A popular clip is not public by itself."""
        return self.in_force().exclude(reason__in=[Pin.Reason.DRAFT, Pin.Reason.POPULAR])


class Pin(models.Model):
    """A reason to hold a clip. Pins decide who may hear it and whether it may be deleted."""

    class Reason(models.TextChoices):
        LIVE = "live", "Live"
        SYSTEM = "system", "System clip"
        RECENT = "recent", "Recently live"
        BANK = "bank", "Reflection bank"
        DRAFT = "draft", "Draft"
        POPULAR = "frequent", "Popular reflection"

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
