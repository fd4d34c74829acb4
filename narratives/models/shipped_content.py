"""Which of the content that comes with this project was loaded."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class ShippedContent(models.Model):
    """What came with this project and was loaded once; deleted, it stays deleted."""

    name = models.SlugField(max_length=60, primary_key=True)
    loaded_at = models.DateTimeField(default=timezone.now, editable=False)
