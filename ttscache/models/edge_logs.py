"""EdgeLogPosition: how far a log of nginx or of a CDN has been counted."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class EdgeLogPosition(models.Model):
    """The place in one log up to which its lines are counted. It moves in the transaction of the counts.

    A log is rotated: its name then belongs to another file. `head` is the checksum of the first `head_bytes`
    of the file that was read last, by which it is found again.
    """

    host = models.CharField(max_length=255)  # the machine whose path this is
    path = models.CharField(max_length=1000)
    head = models.CharField(max_length=64, blank=True)
    head_bytes = models.IntegerField(default=0)
    offset = models.BigIntegerField(default=0)
    written_ns = models.BigIntegerField(default=0)  # when that file was last written, as far as it was seen
    columns = models.TextField(blank=True)  # of a W3C extended log, as its last "#Fields:" line names them
    counted = models.BigIntegerField(default=0)
    unreadable = models.BigIntegerField(default=0)
    read_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["host", "path"], name="one_position_a_log")]

    def __str__(self) -> str:
        return f"{self.host}:{self.path} {self.offset}"
