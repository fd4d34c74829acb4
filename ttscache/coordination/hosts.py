"""Which hosts are at work and which processes they have: what each reports of itself, and for how long that
holds. So the hosts can share what is bounded over all of them."""

from __future__ import annotations

import os
import socket
from datetime import timedelta

from django.db.models import Q
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now

from ttscache.errors import BrokenAudio, Reworded
from ttscache.models import Lease, ProcessReport

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


def report_process(clips_in_memory: int) -> None:
    """Say how this process is doing, for the figures of its host. Raises Error."""
    ProcessReport.objects.update_or_create(
        host=this_host(),
        process=str(os.getpid()),
        defaults={"clips_in_memory": clips_in_memory, "reported_at": Now()},
    )


def report_cluster_alive() -> None:
    """A task of this host's cluster says so. Raises Error."""
    ProcessReport.objects.update_or_create(host=this_host(), process=CLUSTER, defaults={"reported_at": Now()})


def forget_the_dead() -> None:
    """Drop what processes that ended long ago said of themselves, and what they failed to give back."""
    long_ago = Now() - timedelta(hours=1)
    ProcessReport.objects.filter(reported_at__lt=long_ago).delete()
    dead = Q(until__lt=long_ago)
    # A text that came out broken, or reworded, is remembered for longer, or each day would pay for it anew.
    is_about_text = Q(error__startswith=BrokenAudio.remembered_as) | Q(error=Reworded.remembered_as)
    Lease.objects.filter(dead).exclude(is_about_text, until__gt=Now() - timedelta(days=90)).delete()


def is_cluster_alive(host: str = "") -> bool:
    """Whether a task ended lately, on this host or on any. Raises Error."""
    reports = ProcessReport.objects.filter(
        process=CLUSTER, reported_at__gt=Now() - timedelta(seconds=HEARTBEAT_LOST_SECONDS)
    )
    return (reports.filter(host=host) if host else reports).exists()


def _ago(seconds: float) -> CombinedExpression:
    return Now() - timedelta(seconds=seconds)
