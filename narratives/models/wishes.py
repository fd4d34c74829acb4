"""PublishingWish: an editor asks the publishers to publish a journey."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from narratives.models.journeys import Journey


class PublishingWish(models.Model):
    """The draft of a journey is ready: who says so, and since when. A journey has one wish or none."""

    journey = models.OneToOneField(Journey, on_delete=models.CASCADE, related_name="wish")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions: ClassVar[tuple[str, ...]] = ()  # whoever may change a journey may ask
        ordering: ClassVar = ["asked_at"]

    def __str__(self) -> str:
        return f"{self.asked_by_name} asks to publish “{self.journey}”"

    @property
    def asked_by_name(self) -> str:
        return self.asked_by.get_full_name() or self.asked_by.get_username()
