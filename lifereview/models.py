"""StaffSettings: what one staff user has chosen for the staff pages."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class StaffSettings(models.Model):
    """`time_zone` is a name of the IANA database, or empty for UTC."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True)
    time_zone = models.CharField(max_length=64, default="", blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "staff settings"

    def __str__(self) -> str:
        return f"{self.user}: {self.time_zone or 'UTC'}"
