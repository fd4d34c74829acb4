"""Soft deletion: `objects` hides deleted rows, `everything` includes them."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import TypeVar

from django.db import models

M = TypeVar("M", bound=models.Model)


class Present(models.Manager[M]):
    """Hides deleted rows. Declare it first: the default manager also serves relations and staff pages."""

    def get_queryset(self) -> models.QuerySet[M]:
        return super().get_queryset().filter(deleted_at__isnull=True)


class Deletable(models.Model):
    deleted_at = models.DateTimeField("deleted", null=True, blank=True, editable=False)
    deleted_by = models.CharField(max_length=150, default="", blank=True, editable=False)

    class Meta:
        abstract = True

    @property
    def is_deleted(self) -> bool:
        return self.deleted_at is not None

    def validate_constraints(self, exclude: AbstractSet[str] | None = None) -> None:  # type: ignore[override]
        """Check the constraints on present rows. Django skips them because no form has `deleted_at`."""
        super().validate_constraints(exclude=set(exclude or ()) - {"deleted_at"})
