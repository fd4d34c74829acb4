"""Rows by which processes and hosts coordinate: leases, and reports about themselves."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Lease(models.Model):
    """The right of one process among all hosts to do a thing, until a moment on the database's clock."""

    name = models.CharField(max_length=80, primary_key=True)
    owner = models.CharField(max_length=120)
    until = models.DateTimeField()
    error = models.CharField(max_length=40, default="", blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["owner"], name="lease_owner")]


class ProcessReport(models.Model):
    """The last report of one process. The figures of a host are sums of these."""

    host = models.CharField(max_length=100)
    process = models.CharField(max_length=40)
    clips_in_memory = models.IntegerField(default=0)
    reported_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["host", "process"], name="one_report_a_process")
        ]
