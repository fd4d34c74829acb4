"""Alert: trouble that is mailed to staff and shown to them."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone


class AlertQuerySet(models.QuerySet["Alert"]):
    def open(self) -> Self:
        """Alerts that staff should see: not over, and not so new that they may pass by themselves."""
        return self.filter(over_at__isnull=True, due_at__lte=timezone.now())


class Alert(models.Model):
    """Trouble, from its first sight until it is over. A kind and its subject have at most one open row."""

    class Kind(models.TextChoices):
        KEY_REFUSED = "key_refused", "The voice service refuses our key"
        QUOTA_USED_UP = "quota_used_up", "Our quota with the voice service is used up"
        BUDGET = "budget", "Today's budget is nearly spent"
        COVERAGE = "coverage", "Published clips are missing"
        HIT_RATE = "hit_rate", "Listeners wait too often"
        STORAGE = "storage", "Space runs out"
        MODEL_RETIRES = "model_retires", "The provider switches off a model"

    kind = models.CharField(max_length=20, choices=Kind)
    subject = models.CharField(max_length=100, default="", blank=True)  # a kind of clip, a host, or a model
    says = models.CharField(max_length=300)
    since = models.DateTimeField()
    due_at = models.DateTimeField()  # staff are not told earlier, because it may pass by itself
    mailed_at = models.DateTimeField(null=True, blank=True)
    over_at = models.DateTimeField(null=True, blank=True)
    over_mailed_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[models.Manager[Alert]] = AlertQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-since"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["kind", "subject"], condition=Q(over_at__isnull=True), name="one_open_alert"
            )
        ]

    def __str__(self) -> str:
        return self.get_kind_display()
