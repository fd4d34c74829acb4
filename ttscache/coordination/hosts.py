"""Which hosts' clusters take tasks, so that they can share what is bounded over all of them."""

from __future__ import annotations

import socket
from datetime import timedelta

from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now

from ttscache.models import ProcessReport

CLUSTER = "cluster"  # the process of a host's task cluster as a whole; others that report are numbers
HEARTBEAT_LOST_SECONDS = 120
AT_WORK_SECONDS = 30  # web processes report every 20 s; a cluster may miss beats, which any of them may take


def this_host() -> str:
    return socket.gethostname()


def hosts_at_work() -> set[str]:
    """Those whose cluster ended a heartbeat, and that were heard of just now. Raises Error."""
    heard_of = ProcessReport.objects.filter(reported_at__gt=_ago(AT_WORK_SECONDS))
    clusters = ProcessReport.objects.filter(process=CLUSTER, reported_at__gt=_ago(HEARTBEAT_LOST_SECONDS))
    return set(clusters.filter(host__in=heard_of.values("host")).values_list("host", flat=True))


def _ago(seconds: float) -> CombinedExpression:
    return Now() - timedelta(seconds=seconds)
