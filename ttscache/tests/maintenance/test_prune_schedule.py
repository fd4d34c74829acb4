"""The scheduled prune: django-q2's own scheduler, and the task that it calls."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.core.cache import cache
from django.db import connections
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import OrmQ, Schedule
from django_q.scheduler import scheduler

from harness.clips import speech
from ttscache import tasks
from ttscache.maintenance import pruning
from ttscache.models import Clip, Invalidation, Lease, Pin, PruneBatch, PruneRun, WarmItem, WarmRun
from ttscache.reports.storage import StaleTotal, stale_total
from ttscache.staff.badges import PRUNE_BADGES

pytestmark = pytest.mark.django_db(transaction=True)

MAKES_IT = import_module("ttscache.migrations.0005_schedules")


@pytest.fixture
def schedule() -> Schedule:
    Schedule.objects.all().delete()
    MAKES_IT.schedule_tasks(apps, None)
    Schedule.objects.exclude(name="prune").delete()
    return Schedule.objects.get()


def stale_clips(count: int) -> None:
    Clip.objects.record_all((speech(f"Text {number}.") for number in range(count)), "question")
    Clip.objects.update(last_accessed_at=timezone.now() - timedelta(days=91))


def queued() -> list[str]:
    return [task.func() for task in OrmQ.objects.all()]


def arguments() -> list[Any]:
    return [task.task["args"] for task in OrmQ.objects.all()]


def test_the_prune_is_scheduled_daily_and_not_at_once(schedule: Schedule) -> None:
    assert import_string(schedule.func) is tasks.prune
    assert (schedule.cron, schedule.next_run.astimezone(UTC).strftime("%H:%M")) == ("17 3 * * *", "03:17")
    assert timedelta() < schedule.next_run - timezone.now() <= timedelta(days=1)


def test_five_missed_days_lead_to_one_prune(schedule: Schedule) -> None:
    Schedule.objects.update(next_run=timezone.now() - timedelta(days=5))
    for _ in range(3):
        scheduler()
    assert queued() == ["ttscache.tasks.prune"]
    assert Schedule.objects.get().next_run > timezone.now()


def test_two_clusters_start_one_nightly_prune(schedule: Schedule) -> None:
    Schedule.objects.update(next_run=timezone.now() - timedelta(days=5))
    start = threading.Barrier(2)
    clusters = [
        threading.Thread(target=closing_connections(lambda: (start.wait(), scheduler()))) for _ in range(2)
    ]
    for cluster in clusters:
        cluster.start()
    for cluster in clusters:
        cluster.join()
    assert queued() == ["ttscache.tasks.prune"]


def closing_connections(act: Callable[[], object]) -> Callable[[], None]:
    def done() -> None:
        try:
            act()
        finally:
            connections.close_all()

    return done


# --- the task ---------------------------------------------------------------------------------------------
def test_a_prune_counts_the_next_stale_clips_at_its_end() -> None:
    cache.clear()
    stale_clips(2)
    assert stale_total() is None
    tasks.prune()
    counted = stale_total()
    assert counted is not None
    assert counted.found == StaleTotal(0, 0, 0)


def test_the_nightly_prune_removes_stale_clips_and_reports_them() -> None:
    stale_clips(3)
    tasks.prune()
    run = PruneRun.objects.get()
    assert (run.requested_by, run.days, run.state, run.removed) == ("schedule", 90, "done", 3)
    assert not Clip.objects.exists() and not OrmQ.objects.exists()


@pytest.fixture
def short_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of two clips; each task has time for one batch."""
    monkeypatch.setattr(pruning, "BATCH", 2)
    monkeypatch.setattr(tasks, "PRUNE_SECONDS", 0.0)


@pytest.mark.usefixtures("short_of_time")
def test_a_prune_out_of_time_hands_the_run_to_a_successor() -> None:
    stale_clips(5)
    tasks.prune()
    (run,) = PruneRun.objects.all()
    assert (run.state, run.removed, arguments()) == ("running", 2, [(str(run.pk),)])
    for _ in range(3):
        tasks.prune(str(run.pk))
    run.refresh_from_db()
    assert (run.state, run.listed, run.removed) == ("done", 5, 5)


@pytest.mark.usefixtures("short_of_time")
def test_clips_that_go_stale_during_a_prune_wait_for_the_next() -> None:
    stale_clips(3)
    tasks.prune()
    later = Clip.objects.record(speech("Later."), "question")
    since = timezone.now() - timedelta(days=90)  # now stale, but not yet when the run began
    Clip.objects.filter(pk=later.pk).update(last_accessed_at=since)
    for _ in range(2):
        tasks.prune(str(PruneRun.objects.get().pk))
    assert Clip.objects.get() == later


@pytest.mark.usefixtures("short_of_time")
def test_clips_pinned_when_a_prune_began_wait_for_the_next() -> None:
    stale_clips(4)
    held = Clip.objects.last()
    assert held is not None
    Pin.objects.create(content_hash=held.content_hash, reason="draft")
    tasks.prune()
    Pin.objects.all().delete()
    for _ in range(3):
        tasks.prune(str(PruneRun.objects.get().pk))
    assert Clip.objects.get() == held


@pytest.mark.usefixtures("short_of_time")
def test_the_heartbeat_resumes_a_prune_after_a_restart() -> None:
    stale_clips(3)
    tasks.prune()
    OrmQ.objects.all().delete()
    tasks.heartbeat()
    assert "ttscache.tasks.prune" in queued()


def test_the_next_heartbeat_resumes_a_prune_that_was_handed_over() -> None:
    stale_clips(3)
    plan = pruning.plan_prune(pruning.find_stale(90), 90, "ana")
    run = pruning.confirm_prune(plan.pk, "ana")
    assert run is not None
    lease = Lease.objects.create(name="prune", owner="another", until=timezone.now() + timedelta(minutes=1))
    tasks.prune(str(run.pk))
    OrmQ.objects.all().delete()
    tasks.heartbeat()
    assert "ttscache.tasks.prune" not in queued()
    lease.delete()
    tasks.heartbeat()
    assert (str(run.pk),) in arguments()


def test_a_stopped_or_overtaken_prune_is_not_resumed() -> None:
    stale_clips(3)
    run = PruneRun.objects.create(days=90, state=PruneRun.State.STOPPED)
    tasks.prune(str(run.pk))
    assert Clip.objects.count() == 3


def test_a_task_for_an_ended_prune_does_nothing() -> None:
    cache.clear()
    stale_clips(3)
    run = PruneRun.objects.create(days=90, state=PruneRun.State.STOPPED)
    tasks.prune(str(run.pk))
    assert stale_total() is None


def test_the_badge_of_an_abandoned_prune_says_what_was_removed() -> None:
    stale_clips(3)
    run = pruning.begin(pruning.find_stale(90), 90, "schedule")
    tasks.prune()
    run.refresh_from_db()
    badge = PRUNE_BADGES[PruneRun.State(run.state)]
    assert badge.note == "It ended early; the next clean-up makes a new list."
    assert not run.batches.exists()


def test_the_nightly_prune_leaves_a_prune_at_work_alone() -> None:
    stale_clips(3)
    Lease.objects.create(name="prune", owner="another", until=timezone.now() + timedelta(minutes=1))
    tasks.prune()
    assert Clip.objects.count() == 3 and not PruneRun.objects.exists()


def test_a_stopping_cluster_starts_no_prune(monkeypatch: pytest.MonkeyPatch) -> None:
    stale_clips(3)
    monkeypatch.setattr(tasks, "is_stopping", lambda: True)
    tasks.prune()
    assert not PruneRun.objects.exists()


# --- the upkeep of old rows ------------------------------------------------------------------------------
def test_the_upkeep_deletes_old_runs_pins_and_invalidations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ttscache.maintenance.upkeep.BATCH", 1)
    stale_clips(2)
    for days, state in ((31, "done"), (29, "done"), (31, "paused")):
        ended = timezone.now() - timedelta(days=days)
        run = WarmRun.objects.create(scope=f"{days} {state}", state=state, finished_at=ended)
        for position, clip in enumerate(Clip.objects.all()):
            WarmItem.objects.create(run=run, clip=clip, position=position, characters=5)
        PruneRun.objects.create(days=days, state="done", finished_at=ended)
        Invalidation.objects.create(
            content_hash=str(days), removed_at=timezone.now() - timedelta(days=days - 23)
        )
        Pin.objects.create(content_hash=run.scope, reason="recent", until=ended)
    Pin.objects.create(content_hash="held", reason="recent", until=datetime(2100, 1, 1, tzinfo=UTC))
    tasks.clean_up()

    assert {run.scope for run in WarmRun.objects.all()} == {"29 done", "31 paused"}
    assert WarmItem.objects.count() == 4
    assert [run.days for run in PruneRun.objects.all()] == [29]
    assert [each.content_hash for each in Invalidation.objects.all()] == ["29"]
    assert [pin.content_hash for pin in Pin.objects.all()] == ["held"]


def test_the_upkeep_deletes_plans_that_nobody_confirmed_within_a_day_and_no_running_prune() -> None:
    stale_clips(2)
    plans = [pruning.plan_prune(pruning.find_stale(90), 90, name) for name in ("new", "old", "confirmed")]
    pruning.confirm_prune(plans[2].pk, "confirmed")
    PruneRun.objects.exclude(requested_by="new").update(started_at=timezone.now() - timedelta(hours=25))
    tasks.clean_up()
    assert {run.requested_by for run in PruneRun.objects.all()} == {"new", "confirmed"}
    assert {batch.run.requested_by for batch in PruneBatch.objects.all()} == {"new", "confirmed"}
