from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.contrib.sessions.models import Session
from django.db import Error, InterfaceError, OperationalError, connection
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import Failure, Schedule, Success, Task

from harness.clips import speech
from ttscache import tasks
from ttscache.maintenance import upkeep
from ttscache.models import Clip, DailyRequests, FlushedBatch, Lease, ProcessReport, Usage, WarmItem, WarmRun

pytestmark = pytest.mark.django_db(transaction=True)


def task(name: str, age: timedelta, *, success: bool = True) -> None:
    stopped = timezone.now() - age
    Task.objects.create(
        id=name,
        name=name,
        func="ttscache.tasks.make_queued_clips",
        started=stopped,
        stopped=stopped,
        success=success,
    )


def test_the_upkeep_is_scheduled_daily() -> None:
    import_module("ttscache.migrations.0005_schedules").schedule_tasks(apps, None)

    schedule = Schedule.objects.get(name="tidying")
    assert schedule.schedule_type == Schedule.DAILY
    assert import_string(schedule.func) is tasks.clean_up


def test_the_upkeep_removes_sessions_that_have_expired() -> None:
    now = timezone.now()
    for key, ends in (("expired", now - timedelta(seconds=5)), ("current", now + timedelta(days=1))):
        Session.objects.create(session_key=key, session_data="", expire_date=ends)
    tasks.clean_up()

    assert list(Session.objects.values_list("session_key", flat=True)) == ["current"]


def test_a_row_to_which_another_table_refers_keeps_nothing_else_from_going() -> None:
    ended = timezone.now() - timedelta(days=1)
    for key in ("kept", "gone"):
        Session.objects.create(session_key=key, session_data="", expire_date=ended)
    FlushedBatch.objects.create(ledger="old", number=1, flushed_at=timezone.now() - timedelta(days=99))
    with connection.cursor() as cursor:
        key = "varchar(40) REFERENCES django_session (session_key)"
        cursor.execute(f"CREATE TABLE of_another_program (key {key})")
        try:
            cursor.execute("INSERT INTO of_another_program VALUES ('kept')")
            tasks.clean_up()
        finally:
            cursor.execute("DROP TABLE of_another_program")

    assert list(Session.objects.values_list("session_key", flat=True)) == ["kept"]
    assert not FlushedBatch.objects.exists()


def test_a_step_of_the_upkeep_that_fails_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    Session.objects.create(
        session_key="expired", session_data="", expire_date=timezone.now() - timedelta(days=1)
    )

    def roll_up() -> None:
        raise ValueError("a count that nobody can read")

    monkeypatch.setattr(upkeep, "_STEPS", (roll_up, *upkeep._STEPS[1:]))
    with pytest.raises(ValueError, match="nobody can read"):
        tasks.clean_up()

    assert not Session.objects.exists()


@pytest.mark.parametrize("outage", [OperationalError, InterfaceError])
def test_the_upkeep_ends_at_once_when_the_database_is_gone(
    monkeypatch: pytest.MonkeyPatch, outage: type[Error]
) -> None:
    begun = []

    def lose_the_database() -> None:
        begun.append("first")
        raise outage("connection already closed")

    monkeypatch.setattr(upkeep, "_STEPS", (lose_the_database, lambda: begun.append("second")))
    with pytest.raises(outage):
        tasks.clean_up()

    assert begun == ["first"]


def test_the_upkeep_merges_old_hours_into_days() -> None:
    for hour in (3, 4):
        moment = datetime(2025, 3, 4, hour, tzinfo=UTC)
        Usage.objects.create(
            hour=moment, content_type="question", voice="nova", outcome="file", latency_bucket=1, requests=2
        )
    tasks.clean_up()

    (day,) = Usage.objects.all()
    assert (day.hour.hour, day.requests) == (0, 4)


def test_a_clip_keeps_its_months_until_it_is_removed() -> None:
    clip = Clip.objects.record(speech(), "question")
    for content_hash in (clip.content_hash, "f" * 32):
        DailyRequests.objects.create(content_hash=content_hash, day=date(2024, 3, 4), requests=2)
        DailyRequests.objects.create(content_hash=content_hash, day=timezone.now().date(), requests=1)
    tasks.clean_up()

    assert set(DailyRequests.objects.values_list("content_hash", "day", "requests")) == {
        (clip.content_hash, date(2024, 3, 1), 2),
        (clip.content_hash, timezone.now().date(), 1),
        ("f" * 32, timezone.now().date(), 1),
    }


def test_tasks_that_ended_well_are_forgotten_after_a_week_and_failures_after_a_month() -> None:
    task("old", timedelta(days=8))
    task("young", timedelta(days=6))
    task("failed lately", timedelta(days=29), success=False)
    task("failed long ago", timedelta(days=31), success=False)
    tasks.clean_up()

    assert [each.name for each in Success.objects.all()] == ["young"]
    assert [each.name for each in Failure.objects.all()] == ["failed lately"]


def test_the_upkeep_forgets_rows_of_dead_processes() -> None:
    for age, name in ((timedelta(minutes=5), "young"), (timedelta(hours=2), "old")):
        then = timezone.now() - age
        ProcessReport.objects.create(host="host", process=name, reported_at=then)
        Lease.objects.create(name=name, owner="host:1:x", until=then, error="provider_timeout")
    for days, name in ((1, "young"), (31, "old")):
        FlushedBatch.objects.create(ledger=name, number=1, flushed_at=timezone.now() - timedelta(days=days))
    tasks.clean_up()

    assert ProcessReport.objects.get().process == "young"
    assert Lease.objects.get().name == "young"
    assert FlushedBatch.objects.get().ledger == "young"


@pytest.mark.parametrize(
    ("stored_at", "runs"), [(None, 1), (timezone.now(), 0)], ids=["missing", "made since"]
)
def test_an_old_failure_is_remembered_until_its_clip_exists(stored_at: datetime | None, runs: int) -> None:
    long_ago = timezone.now() - timedelta(days=40)
    clip = Clip.objects.record(speech(), "question")
    Clip.objects.update(stored_at=stored_at)
    run = WarmRun.objects.create(scope="ours, nova", state="failed", finished_at=long_ago)
    WarmItem.objects.create(run=run, clip=clip, position=0, characters=3, state="failed")
    tasks.clean_up()

    assert WarmRun.objects.count() == runs
