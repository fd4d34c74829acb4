"""Every staff page opens, and shows only what the user may see."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import Failure, OrmQ, Schedule, Success, Task
from django_q.tasks import async_task
from unfold.admin import ModelAdmin

from harness.staff_pages import staff_with
from narratives.models import BankReflection, Journey, Narrative, OfferedReflection, Pronunciation
from ttscache.models import (
    Alert,
    ApiToken,
    Clip,
    ContentType,
    PlaybackStart,
    PruneRun,
    Rendition,
    Spending,
    Usage,
    WarmItem,
    WarmRun,
)
from ttscache.renditions.current import request_for

pytestmark = pytest.mark.django_db

HOUR = datetime(2026, 11, 22, 18, tzinfo=UTC)
COUNTED = {"hour": HOUR, "content_type": "question", "voice": "nova"}
FIGURES = {**COUNTED, "characters": 98}


def a_clip() -> Clip:
    return Clip.objects.record(request_for("Tell me more.", "nova"), ContentType.QUESTION)


def a_run() -> WarmRun:
    run = WarmRun.objects.create(scope="life-review, nova")
    WarmItem.objects.create(run=run, clip=a_clip(), position=0, characters=13)
    return run


def a_narrative() -> Narrative:
    journey = Journey.objects.create(slug="ours", title="Ours")
    return Narrative.objects.create(journey=journey, slug="q01", title="Where it began", text="Tell me.")


def a_task(success: bool) -> Task:
    now = timezone.now()
    return Task.objects.create(
        id=f"task-{success}",
        name="warm clips",
        func="ttscache.tasks.make_queued_clips",
        started=now,
        stopped=now,
        success=success,
    )


def a_queued_task() -> OrmQ:
    async_task("ttscache.tasks.make_queued_clips")
    return OrmQ.objects.get()


EXAMPLES: dict[type, Callable[[], Any]] = {
    User: lambda: User.objects.create(username="ana"),
    Group: lambda: Group.objects.create(name="Editors"),
    Schedule: lambda: Schedule.objects.create(func="ttscache.tasks.resume", name="resume"),
    Success: lambda: a_task(success=True),
    Failure: lambda: a_task(success=False),
    OrmQ: a_queued_task,
    Journey: lambda: a_narrative().journey,
    Narrative: a_narrative,
    BankReflection: lambda: BankReflection.objects.create(text="That was a good day. Thank you for it."),
    OfferedReflection: lambda: OfferedReflection.objects.create(theme="work", text="It was so. Thank you."),
    Pronunciation: lambda: Pronunciation.objects.create(word="Siobhan", say_as="Shivawn"),
    Clip: a_clip,
    WarmRun: a_run,
    PruneRun: lambda: PruneRun.objects.create(days=90, listed=3, removed=2, requested_by="schedule"),
    Usage: lambda: Usage.objects.create(**FIGURES, outcome="memory", latency_bucket=2, requests=3),
    PlaybackStart: lambda: PlaybackStart.objects.create(**COUNTED, latency_bucket=7, starts=3),
    Spending: lambda: Spending.objects.create(**FIGURES, model="tts-1-hd", outcome="ok", calls=1),
    Rendition: lambda: Rendition.objects.create(
        listener_voice="nova", state="past", provider="openai", model="tts-1", voice="nova"
    ),
    Alert: lambda: Alert.objects.create(
        kind="coverage", says="22 of 24 published clips are there.", since=HOUR, due_at=HOUR
    ),
    ApiToken: lambda: ApiToken.objects.create(name="front end", digest="0" * 64),
}


def page(model: type, name: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=args)  # type: ignore[attr-defined]


@pytest.fixture(params=list(admin.site._registry), ids=lambda model: model.__name__)
def model(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_the_list_of_every_model_opens(model, admin_client):
    EXAMPLES[model]()
    assert admin_client.get(page(model, "changelist")).status_code == 200


def test_an_empty_list_of_every_model_opens(model, admin_client):
    assert admin_client.get(page(model, "changelist")).status_code == 200


def test_the_change_page_of_every_model_opens(model, admin_client):
    example = EXAMPLES[model]()
    assert admin_client.get(page(model, "change", example.pk), follow=True).status_code == 200


def test_the_form_for_a_new_row_opens_only_for_models_that_staff_may_add(model, admin_client):
    may_add = model in (User, Group, Schedule, Journey, Narrative, BankReflection, Pronunciation, ApiToken)
    assert admin_client.get(page(model, "add")).status_code == (200 if may_add else 403)


@pytest.mark.any_database
def test_every_model_page_uses_the_theme(model):
    assert isinstance(admin.site._registry[model], ModelAdmin)


@pytest.mark.any_database
def test_every_model_is_in_the_sidebar(model, admin_client):
    index = admin_client.get(reverse("admin:index")).content.decode()
    sidebar = index[index.index("nav-sidebar-apps") : index.index("API documentation")]
    assert f'href="{page(model, "changelist")}"' in sidebar


@pytest.mark.any_database
def test_the_sidebar_shows_only_permitted_pages():
    index = staff_with("view_clip").get(reverse("admin:index")).content.decode()
    assert page(Clip, "changelist") in index
    assert page(User, "changelist") not in index


@pytest.mark.parametrize(("right", "may"), [("view_failure", False), ("change_failure", True)])
def test_running_a_failed_task_again_requires_the_permission_to_change_it(right, may):
    task = a_task(success=False)
    staff_with("view_failure", right).post(
        page(Failure, "changelist"), {"action": "resubmit_task", "_selected_action": task.pk}
    )
    assert OrmQ.objects.exists() is may


@pytest.mark.parametrize(
    ("kind", "named"), [("C", {"cron": "30 4 * * 1"}), ("I", {"minutes": "90"})], ids=["cron", "minutes"]
)
def test_staff_change_when_a_task_runs(admin_client, kind, named):
    task = "ttscache.tasks.prune"
    schedule = Schedule.objects.create(func=task, name="nightly", schedule_type="C", cron="17 3 * * *")
    page_of_it = page(Schedule, "change", schedule.pk)
    form = admin_client.get(page_of_it).context["adminform"].form
    fields = {name: value for name, value in form.initial.items() if value is not None and name != "id"}
    fields |= {"schedule_type": kind, "next_run_0": "2030-01-02", "next_run_1": "03:04:05", **named}
    assert admin_client.post(page_of_it, fields).status_code == 302
    schedule.refresh_from_db()
    assert (schedule.schedule_type, schedule.func) == (kind, task)
    assert {name: str(getattr(schedule, name)) for name in named} == named


@pytest.mark.any_database
def test_strangers_are_sent_to_the_sign_in_page(model, client: Client):
    response = client.get(page(model, "changelist"))
    assert (response.status_code, response["Location"].split("?")[0]) == (302, reverse("admin:login"))
