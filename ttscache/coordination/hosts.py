"""Hosts at work and their processes: each reports about itself, and a report expires.

The hosts need this to share a limit that holds for all of them together, such as calls at once.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from datetime import timedelta
from functools import cache
from pathlib import Path

from django.db.models import Q
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now

from ttscache.errors import BrokenAudio, Reworded
from ttscache.fingerprint import fingerprint_of
from ttscache.models import Lease, ProcessReport

CLUSTER = "cluster"  # stands for the whole task cluster of a host; other processes report by number
HEARTBEAT_LOST_SECONDS = 120
# Web processes report every 20 s. A host's cluster may miss a heartbeat, because any host may take the task.
AT_WORK_SECONDS = 30


def host_name() -> str:
    """The name of this host, for people. Two containers may have the same one."""
    return socket.gethostname()


@cache
def this_host() -> str:
    """A name that tells this host from every other: its own, and a mark of its kernel and PID namespace.

    Containers often share a name, and the process numbers of one mean other processes in the next.
    """
    marks = [found for found in (_boot(), _pid_namespace()) if found]
    name = host_name()[:55]  # a lease is named after it, in at most 80 characters
    return f"{name}~{fingerprint_of(marks)[:8]}" if marks else name


def name_of(host: str) -> str:
    """The name without the mark, which changes when the host or its container starts again."""
    return host.partition("~")[0]


def _boot() -> str:
    with suppress(OSError):  # not Linux
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def _pid_namespace() -> str:
    with suppress(OSError):
        return os.readlink("/proc/self/ns/pid")
    return ""


def hosts_at_work() -> set[str]:
    """Hosts that reported in the last 30 s and whose cluster finished a heartbeat in the last 120 s.

    Raises django.db.Error.
    """
    heard_of = ProcessReport.objects.filter(reported_at__gt=_ago(AT_WORK_SECONDS))
    clusters = ProcessReport.objects.filter(process=CLUSTER, reported_at__gt=_ago(HEARTBEAT_LOST_SECONDS))
    return set(clusters.filter(host__in=heard_of.values("host")).values_list("host", flat=True))


def report_process(clips_in_memory: int) -> None:
    """Report this process's figures for those of its host. Raises django.db.Error."""
    ProcessReport.objects.update_or_create(
        host=this_host(),
        process=str(os.getpid()),
        defaults={"clips_in_memory": clips_in_memory, "reported_at": Now()},
    )


def report_cluster_alive() -> None:
    """Report that this host's cluster works; call it from a task. Raises django.db.Error."""
    ProcessReport.objects.update_or_create(host=this_host(), process=CLUSTER, defaults={"reported_at": Now()})


def forget_the_dead() -> None:
    """Delete the reports and expired leases of processes that ended over an hour ago.

    A lease that remembers a failure of its text stays for 90 days.
    """
    long_ago = Now() - timedelta(hours=1)
    ProcessReport.objects.filter(reported_at__lt=long_ago).delete()
    dead = Q(until__lt=long_ago)
    # A text that came out broken or reworded is remembered for longer, otherwise each day would pay for it.
    is_about_text = Q(error__startswith=BrokenAudio.remembered_as) | Q(error=Reworded.remembered_as)
    Lease.objects.filter(dead).exclude(is_about_text, until__gt=Now() - timedelta(days=90)).delete()


def is_cluster_alive(host: str = "") -> bool:
    """Whether a cluster finished a heartbeat lately, on `host` or on any. Raises django.db.Error."""
    reports = ProcessReport.objects.filter(
        process=CLUSTER, reported_at__gt=Now() - timedelta(seconds=HEARTBEAT_LOST_SECONDS)
    )
    return (reports.filter(host=host) if host else reports).exists()


def _ago(seconds: float) -> CombinedExpression:
    return Now() - timedelta(seconds=seconds)
