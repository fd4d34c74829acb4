"""Rows that can be deleted and had back: as long as they are deleted, `objects` knows nothing of them."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import TypeVar

from django.db import models

M = TypeVar("M", bound=models.Model)


class Present(models.Manager[M]):
    """Leaves out what is deleted. The first manager of a model, so relations and staff pages use it too."""

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
        """No form has `deleted_at`; what is unique among those that are there is checked all the same."""
        super().validate_constraints(exclude=set(exclude or ()) - {"deleted_at"})
