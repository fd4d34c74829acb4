"""RefusedTake: a take of an authored text that a check refused, kept for a decision of staff."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from ttscache.models.clips import Clip
from ttscache.models.pins import Pin


class RefusedTakeQuerySet(models.QuerySet["RefusedTake"]):
    def without_text(self) -> Self:
        """The takes of texts that are no longer in use."""
        authored = Pin.objects.authored().filter(content_hash=OuterRef("clip__content_hash"))
        return self.filter(~Exists(authored))

    def undecided(self) -> Self:
        """The latest take of each clip, if the clip has not been made since and its text is still in use."""
        is_authored = Exists(Pin.objects.authored().filter(content_hash=OuterRef("clip__content_hash")))
        is_newest = Q(clip__stored_at__isnull=True) | Q(clip__stored_at__lt=F("made_at"))
        return self.filter(is_authored, is_newest)


class RefusedTake(models.Model):
    """The last refused take of a clip. No tier, archive or public address ever has it.

    `is_usable`: staff may accept it, because every check passes but the one that refused it. `is_part`: it
    says only a part of the text. `paid_microusd` is what the call cost.
    """

    class Reason(models.TextChoices):
        SILENT = "silent", "The recording was silent"
        TOO_SHORT = "too_short", "The recording was far too short for its text"
        TOO_LONG = "too_long", "The recording was far too long for its text"
        BROKEN = "broken", "The recording was damaged or incomplete"
        REWORDED = "reworded", "The voice said other words than the text has"

    clip = models.OneToOneField(Clip, on_delete=models.CASCADE, related_name="refused_take")
    reason = models.CharField(max_length=10, choices=Reason)
    audio = models.BinaryField()
    size = models.IntegerField("bytes")
    duration_ms = models.IntegerField(null=True)
    is_usable = models.BooleanField(default=False)
    is_part = models.BooleanField(default=False)
    made_ahead = models.BooleanField(default=False)
    paid_microusd = models.BigIntegerField(default=0)
    made_at = models.DateTimeField(default=timezone.now, db_index=True)

    objects: ClassVar[models.Manager[RefusedTake]] = RefusedTakeQuerySet.as_manager()

    class Meta:
        verbose_name = "refused recording"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.clip_id}: {self.reason}"
