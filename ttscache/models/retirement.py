"""ModelNotice: the day on which a provider retires a model, and models that it no longer has."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models


class ModelNoticeQuerySet(models.QuerySet["ModelNotice"]):
    def of_service(self, service: str) -> Self:
        return self.filter(service=service)

    def gone(self) -> Self:
        """The models that a service refused because it no longer has them."""
        return self.filter(gone_at__isnull=False)


class ModelNotice(models.Model):
    """One model of one provider.

    `service` is a fingerprint of address and key. Other settings have other rows, so new settings do not
    inherit an earlier service's refusals, and hosts with different settings do not disturb each other.
    """

    service = models.CharField(max_length=16)
    model = models.CharField(max_length=100)
    shutdown_date = models.DateField(null=True, blank=True)  # as the list of models last told it
    looked_at = models.DateTimeField(null=True, blank=True)  # when the list was last read
    seen_at = models.DateTimeField(null=True, blank=True)  # when the list last had this model
    gone_at = models.DateTimeField(null=True, blank=True)  # since when no call is made

    objects: ClassVar[models.Manager[ModelNotice]] = ModelNoticeQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["service", "model"], name="one_notice_a_model")
        ]

    def __str__(self) -> str:
        return self.model
