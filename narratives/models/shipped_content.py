"""ShippedContent: a record of the default content that was loaded."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class ShippedContent(models.Model):
    """Default content that was loaded once, so that content deleted by staff is not loaded again."""

    name = models.SlugField(max_length=60, primary_key=True)
    loaded_at = models.DateTimeField(default=timezone.now, editable=False)
