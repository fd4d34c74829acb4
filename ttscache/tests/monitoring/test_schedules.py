"""One unusable schedule stops no other, and /readyz says which does not run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import django_q.scheduler
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from ttscache.monitoring.schedules import problem_of

pytestmark = pytest.mark.django_db(transaction=True)

UNUSABLE: dict[str, dict[str, Any]] = {
    "a day that never comes": {"schedule_type": "C", "cron": "0 3 30 2 *"},
    "a cron of words": {"schedule_type": "C", "cron": "every day"},
    "no cron": {"schedule_type": "C", "cron": None},
    "unreadable arguments": {"schedule_type": "D", "args": "1, two"},
    "an open bracket": {"schedule_type": "D", "args": "(1"},
    "unreadable keyword arguments": {"schedule_type": "D", "kwargs": "x=y"},
    "keyword arguments that are a number": {"schedule_type": "D", "kwargs": "5"},
    "options that are no dictionary": {"schedule_type": "D", "kwargs": "q_options=5"},
    "an unknown kind": {"schedule_type": "X"},
}


def add(name: str, **fields: Any) -> None:
    given = {"func": "ttscache.tasks.heartbeat", "schedule_type": "D"} | fields
    rows = [Schedule(name=name, next_run=timezone.now() - timedelta(minutes=1), **given)]
    Schedule.objects.bulk_create(rows)  # behind the checks of save()


@pytest.mark.parametrize("fields", UNUSABLE.values(), ids=list(UNUSABLE))
def test_an_unusable_schedule_lets_the_others_go_on_and_readyz_names_it(
    fields: dict[str, Any], client: Client
) -> None:
    Schedule.objects.all().delete()
    add("first")
    add("poisoned", **fields)
    add("last")
    django_q.scheduler.scheduler()

    assert sorted(task.task["group"] for task in OrmQ.objects.all()) == ["first", "last"]
    assert Schedule.objects.filter(next_run__gt=timezone.now()).count() == 2
    assert Schedule.objects.get(name="poisoned").next_run is None
    says = client.get("/readyz").content.decode()
    assert "poisoned" in says and "first" not in says


def test_every_schedule_of_this_site_is_usable() -> None:
    assert [problem_of(schedule) for schedule in Schedule.objects.all() if any(problem_of(schedule))] == []


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("cron", {"schedule_type": "C", "cron": "0 3 30 2 *"}),
        ("args", {"args": "1, two"}),
        ("kwargs", {"kwargs": "x=y"}),
    ],
)
def test_the_form_refuses_a_schedule_that_cannot_run(
    field: str, fields: dict[str, str], admin_client: Client
) -> None:
    given = {
        "func": "ttscache.tasks.heartbeat",
        "schedule_type": "D",
        "repeats": "-1",
        "next_run_0": "2030-01-02",
        "next_run_1": "03:04:05",
    }
    address = reverse("admin:django_q_schedule_add")
    before = Schedule.objects.count()
    refused = admin_client.post(address, given | fields)

    assert refused.status_code == 200 and field in refused.context["adminform"].form.errors
    assert Schedule.objects.count() == before
    assert admin_client.post(address, given).status_code == 302
