"""The doctor's page: it has every part, shows no secret, and marks what is wrong."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from django_q.models import Schedule

from harness.process import free_port
from lifereview import settings as lifereview_settings
from lifereview.doctor import DoctorLine, LineState, look_at_everything
from lifereview.env.reader import Environment
from ttscache.models import ProcessReport

pytestmark = pytest.mark.django_db

PARTS = {
    "version", "runs on", "addresses", "hosts", "variables", "database", "migrations", "local files",
    "permanent tier", "task cluster", "provider settings", "memory", "files", "permanent", "last call",
    "schedule", "clock", "mail", "proxy",
}  # fmt: skip


def lines_of(part: str) -> list[DoctorLine]:
    return [line for line in look_at_everything() if line.part == part]


def test_the_page_has_every_part_and_the_version_of_the_database() -> None:
    # Another test may have emptied the tables, and the schedules came with a migration.
    Schedule.objects.get_or_create(name="models", defaults={"func": "ttscache.tasks.look_at_models_daily"})
    lines = list(look_at_everything())

    assert {line.part for line in lines} >= PARTS
    (database,) = [line for line in lines if line.part == "database"]
    assert database.says.startswith(f"{connection.vendor} ")
    assert database.state is LineState.OK


def test_the_page_shows_no_secret_and_names_an_unknown_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "SECRET_KEY": "hush-1", "DATABASE_URL": "postgres://ana:hush-2@db/life", "OPENAI_API_KEY": "hush-3",
        "EMAIL_URL": "smtp://ana:hush-4@mail", "DJANGO_SUPERUSER_PASSWORD": "hush-5", "TTS_MODLE": "hush-6",
        "AWS_SECRET_ACCESS_KEY": "hush-7", "TTS_STALE_DAYS": "120",
    }  # fmt: skip
    monkeypatch.setattr(lifereview_settings, "env", Environment(given))
    out = StringIO()
    with pytest.raises(SystemExit):  # no cluster runs here
        call_command("doctor", stdout=out)

    assert "hush" not in out.getvalue()
    assert "TTS_STALE_DAYS=120" in out.getvalue()
    assert "WARNING: These variables are unknown and change nothing: TTS_MODLE" in out.getvalue()


def test_a_waiting_migration_is_wrong_and_ends_the_command_with_1() -> None:
    applied = MigrationRecorder(connection).migration_qs.get(app="sessions", name="0001_initial")
    applied.delete()
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", "--json", stdout=out)
    (line,) = [each for each in json.loads(out.getvalue()) if each["part"] == "migrations"]

    assert ended.value.code == 1
    assert line["state"] == "wrong"
    assert "sessions.0001_initial" in line["says"]


def test_a_report_from_the_future_says_that_a_clock_is_wrong() -> None:
    assert [line.state for line in lines_of("clock")] == [LineState.OK]
    soon = timezone.now() + timedelta(hours=1)
    ProcessReport.objects.create(host="other", process="1", reported_at=soon)

    assert [line.state for line in lines_of("clock")] == [LineState.WARNING]


def test_a_mail_server_that_is_away_is_a_warning_if_somebody_should_be_mailed(settings: Any) -> None:
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    assert [line.state for line in lines_of("mail")] == [LineState.OK]
    settings.ALERT_EMAILS = ["ana@example.org"]

    (line,) = lines_of("mail")
    assert line.state is LineState.WARNING
    assert "ana@" not in line.says
