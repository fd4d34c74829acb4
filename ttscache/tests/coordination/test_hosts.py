"""Hosts share the warm slots: each takes its share and passes further work on to the others."""

from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django_q.models import OrmQ

from harness.clips import speech
from harness.fake_voice import FakeVoice
from harness.process import PROJECT
from ttscache import tasks, warming
from ttscache.coordination.hosts import CLUSTER, hosts_at_work, name_of, this_host
from ttscache.models import ProcessReport, WarmRun
from ttscache.warming import ClipSpec
from ttscache.wiring import speech_cache

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("voice")]
WANTED = [
    ClipSpec(speech(f"This is question number {word}."), "question") for word in ("one", "two", "three")
]


def report(host: str, process: str, seconds_ago: float) -> None:
    ago = Now() - timedelta(seconds=seconds_ago)
    ProcessReport.objects.create(host=host, process=process, reported_at=ago)


def test_a_host_at_work_has_a_cluster_and_was_heard_of_just_now() -> None:
    report("beating", CLUSTER, 5)
    report("serving, its last beat a while ago", CLUSTER, 60)
    report("serving, its last beat a while ago", "4711", 5)
    report("lost", CLUSTER, 60)
    report("without a cluster", "4711", 5)
    assert hosts_at_work() == {"beating", "serving, its last beat a while ago"}


@pytest.mark.parametrize(
    ("others", "made", "handed_on"), [([], 3, 0), (["another"], 0, 1)], ids=["alone", "two"]
)
def test_a_host_with_its_share_of_the_slots_passes_work_to_others(
    voice: FakeVoice, others: list[str], made: int, handed_on: int
) -> None:
    for host in others:
        report(host, CLUSTER, 5)
    run = warming.start_run("here", WANTED)
    OrmQ.objects.all().delete()
    for slot in range(3):  # three of five; two belong to the second host
        speech_cache().leases.acquire(f"warm-slot:{slot}")
    tasks.make_queued_clips()
    assert (len(voice.calls), OrmQ.objects.count()) == (made, handed_on)
    assert WarmRun.objects.get(pk=run.pk).state == ("queued" if handed_on else "done")


def test_a_host_gets_slots_again_once_the_other_is_lost(voice: FakeVoice) -> None:
    report("lost", CLUSTER, 60)
    for slot in range(3):
        speech_cache().leases.acquire(f"warm-slot:{slot}")
    run = warming.start_run("here", WANTED)
    tasks.make_queued_clips()
    assert WarmRun.objects.get(pk=run.pk).state == WarmRun.State.DONE


def test_two_pid_namespaces_of_one_host_name_are_two_hosts() -> None:
    code = "from ttscache.coordination.hosts import this_host; print(this_host())"
    shell = [sys.executable, "manage.py", "shell", "--verbosity", "0", "-c", code]
    unshare = shutil.which("unshare")
    isolated = [unshare or "unshare", "--pid", "--fork", "--mount-proc"]
    if unshare is None or subprocess.run([*isolated, "true"], capture_output=True).returncode != 0:
        pytest.skip("no PID namespace on this machine")
    here, there = (
        subprocess.run([*how, *shell], cwd=PROJECT, capture_output=True, text=True, check=True).stdout.strip()
        for how in ([], isolated)
    )

    assert here == this_host()
    assert name_of(here) == name_of(there)
    assert here != there
