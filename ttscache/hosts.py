"""Which hosts' clusters take tasks, so that they can share what is bounded over all of them."""

from __future__ import annotations

import socket
from datetime import timedelta

from django.db.models.functions import Now

from ttscache.models import ProcessReport

CLUSTER = "cluster"  # as a process that reports
AT_WORK_SECONDS = 30  # beats come every 10 s, and any host may take any of them


def this_host() -> str:
    return socket.gethostname()


def hosts_at_work() -> set[str]:
    """Those whose cluster ended a heartbeat lately. Raises DatabaseError."""
    lately = Now() - timedelta(seconds=AT_WORK_SECONDS)
    reports = ProcessReport.objects.filter(process=CLUSTER, reported_at__gt=lately)
    return set(reports.values_list("host", flat=True))
