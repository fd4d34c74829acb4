"""Every action of staff on their pages, done by a signed-in client. Each returns whether it worked."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import Failure, OrmQ, Schedule, Task

from harness.admin_pages import narrative_form
from harness.clips import speech
from harness.staff_pages import YES
from narratives import publishing
from narratives.editing.deleting import delete_narratives
from narratives.models import BankReflection, DraftAllowance, Journey, Narrative, Publication, PublishingWish
from ttscache.models import ApiToken, Clip, PruneRun, Rendition, WarmRun

NEW = "Where did it all begin?"
PASSWORD = "quite long enough"


def make_groups() -> None:
    """Create the groups as `migrate` does, because a test that empties the tables removes them."""
    if Group.objects.filter(name="Editor").exists():
        return
    import_module("narratives.migrations.0003_groups").make_groups(apps)


def make_live_journey() -> Journey:
    """Create a live journey with one published text that has a changed draft."""
    journey = Journey.objects.create(slug="ours", title="Ours", is_live=True)
    text = Narrative.objects.create(journey=journey, slug="q", title="Question", text="Where?")
    publishing.publish([text])
    Narrative.objects.update(text=NEW)
    WarmRun.objects.all().delete()
    return journey


def staff_client(group: str) -> Client:
    user = User.objects.create_user(group.lower(), password=PASSWORD, is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")  # tries to sign in are limited
    return client


def admin_page(model: str, name: str = "changelist", *args: Any) -> str:
    return reverse(f"admin:{model.replace('.', '_')}_{name}", args=args)


# --- actions ------------------------------------------------------------------------------------------------
def sees(model: str) -> Callable[[Client], bool]:
    return lambda client: client.get(admin_page(model)).status_code == 200


def writes(client: Client) -> bool:
    client.post(narrative_address(narrative()), narrative_form(narrative(), text="Another draft."))
    return narrative().text == "Another draft."


def saves_and_publishes(client: Client) -> bool:
    asked = client.post(narrative_address(narrative()), narrative_form(narrative(), _publish="1"))
    if "Publish now, audio follows" in asked.content.decode():
        choose(client, "publish_chosen")
    return is_published()


def publishes_the_journey(client: Client) -> bool:
    client.post(admin_page("narratives.journey", "publish_changes", Journey.objects.get().pk), YES)
    return is_published()


def publishes_chosen(client: Client) -> bool:
    choose(client, "publish_chosen")
    return is_published()


def publishes_anyway(client: Client) -> bool:
    return waiting_is(client, "anyway") == "live"


def takes_back_what_waits(client: Client) -> bool:
    return waiting_is(client, "withdraw") == "withdrawn"


def makes_the_journey(client: Client) -> bool:
    client.post(admin_page("narratives.journey", "make_missing", Journey.objects.get().pk), YES)
    return bool(WarmRun.objects.exists())


def makes_chosen(client: Client) -> bool:
    choose(client, "make_chosen")
    return bool(WarmRun.objects.exists())


def makes_what_is_published(client: Client) -> bool:
    client.post(admin_page("ttscache.warmrun", "make_published"), YES)
    return bool(WarmRun.objects.exists())


def chooses_a_voice(client: Client) -> bool:
    address = reverse("admin:ttscache_rendition_choose", args=["nova"])
    client.post(f"{address}?model=tts-1&by=sage", YES)
    return bool(Rendition.objects.filter(voice="sage").exists())


def pauses_a_run(client: Client) -> bool:
    return steered(client, "pause") == "paused"


def lets_a_run_go_on(client: Client) -> bool:
    WarmRun.objects.filter(pk=a_run().pk).update(state="paused", paused_because="staff")
    return steered(client, "resume") == "queued"


def cancels_a_run(client: Client) -> bool:
    return steered(client, "cancel") == "cancelled"


def tries_failed_clips_again(client: Client) -> bool:
    a_run().items.update(state="failed")
    WarmRun.objects.update(state="failed")
    return steered(client, "try_again") == "queued"


def stops_a_prune(client: Client) -> bool:
    run = PruneRun.objects.create(days=90)
    client.post(admin_page("ttscache.prunerun"), {"action": "stop", "_selected_action": run.pk})
    return bool(PruneRun.objects.get().state == "stopped")


def clears_old_clips(client: Client) -> bool:
    client.post("/api/admin/clear-old-cache", {"days": 90}, content_type="application/json")
    return bool(PruneRun.objects.exists())


def removes_what_was_listed(client: Client) -> bool:
    address = admin_page("ttscache.clip", "stale")
    client.get(address)
    plan = PruneRun.objects.first() or PruneRun()
    client.post(address, {"run": plan.pk})
    return bool(PruneRun.objects.filter(state="running").exists())


def makes_a_reflection_in_another_voice(client: Client) -> bool:
    client.post(admin_page("ttscache.clip", "speak", a_reflection().pk, "onyx"), YES)
    return bool(WarmRun.objects.exists())


def hides_a_reflection(client: Client) -> bool:
    client.post(admin_page("ttscache.clip", "hide", a_reflection().pk))
    return bool(Clip.objects.filter(is_hidden=True).exists())


def makes_what_is_missing(client: Client) -> bool:
    client.post(admin_page("ttscache.clip", "make_missing"), YES)
    return bool(WarmRun.objects.exists())


def tries_what_failed_again(client: Client) -> bool:
    a_run().items.update(state="failed", finished_at=timezone.now())
    WarmRun.objects.update(state="failed")
    client.post(admin_page("ttscache.clip", "retry"), YES)
    return bool(WarmRun.objects.active().exists())


def adds_a_heard_reflection_to_the_bank(client: Client) -> bool:
    address = f"{admin_page('narratives.bankreflection', 'add')}?clip={a_reflection().pk}"
    form = {
        "text": "That was a good morning. Thank you for it.",
        "theme": "general",
        "occasion": "any",
        "after_heavy": "never",
    }
    client.post(address, form)
    return bool(BankReflection.objects.exists())


def sees_the_dashboard(client: Client) -> bool:
    return 'class="dash"' in client.get(reverse("admin:index")).content.decode()


def takes_figures_along(client: Client) -> bool:
    return client.get(reverse("admin:ttscache_dashboard_csv")).status_code == 200


def hears_a_draft(client: Client) -> bool:
    client.post(admin_page("narratives.journey", "hear", Journey.objects.get().pk), YES)
    client.post(admin_page("narratives.narrative", "hear", narrative().pk), YES)
    return WarmRun.objects.filter(scope__startswith="heard draft").count() == 1


def sets_the_allowance_for_drafts(client: Client) -> bool:
    client.post(admin_page("narratives.journey", "set_allowance"), {"usd_a_day": "0.25"})
    return DraftAllowance.current().usd_a_day == 0.25


def asks_to_publish(client: Client) -> bool:
    client.post(admin_page("narratives.journey", "ask_to_publish", Journey.objects.get().pk), YES)
    return PublishingWish.objects.exists()


def sets_a_wish_aside(client: Client) -> bool:
    ana = User.objects.create_user("ana")
    PublishingWish.objects.create(journey=Journey.objects.get(), asked_by=ana)
    client.post(admin_page("narratives.journey", "take_back_wish", Journey.objects.get().pk), YES)
    return not PublishingWish.objects.exists()


def takes_live(client: Client) -> bool:
    Journey.objects.update(is_live=False)
    client.post(admin_page("narratives.journey", "go_live", Journey.objects.get().pk), YES)
    return Journey.objects.get().is_live


def takes_a_journey_off(client: Client) -> bool:
    journey = Journey.objects.get()
    fields = {"title": journey.title, "slug": journey.slug, "language": "en"}
    rows = {"narratives-TOTAL_FORMS": 0, "narratives-INITIAL_FORMS": 0}
    client.post(admin_page("narratives.journey", "change", journey.pk), fields | rows)
    return not Journey.objects.get().is_live


def changes_the_order_of_what_is_live(client: Client) -> bool:
    first, journey = narrative(), Journey.objects.get()
    second = Narrative.objects.create(journey=journey, slug="b", title="B", text="b", position=1)
    save_journey(client, [(first, {"position": 1}), (second, {"position": 0})])
    return list(Narrative.objects.all()) == [second, first]


def makes_a_live_question_a_system_clip(client: Client) -> bool:
    save_journey(client, [(narrative(), {"kind": "system"})])
    client.post(narrative_address(narrative()), narrative_form(narrative(), kind="system"))
    return narrative().kind == "system"


def renames_what_is_live(client: Client) -> bool:
    client.post(narrative_address(narrative()), narrative_form(narrative(), slug="else"))
    return narrative().slug == "else"


def moves_what_is_published_to_another_journey(client: Client) -> bool:
    other = Journey.objects.create(slug="other", title="Other", is_live=True)
    client.post(narrative_address(narrative()), narrative_form(narrative(), journey=other.pk))
    return narrative().journey == other


def renames_a_live_journey(client: Client) -> bool:
    save_journey(client, [], slug="theirs", language="fr")
    journey = Journey.objects.get()
    return (journey.slug, journey.language) == ("theirs", "fr")


def deletes_what_is_live(client: Client) -> bool:
    client.post(narrative_address(narrative(), "delete"), {"post": "yes"})
    return not Narrative.objects.exists()


def deletes_what_is_live_among_others(client: Client) -> bool:
    choose(client, "delete_selected", post="yes")
    return not Narrative.objects.exists()


def deletes_a_draft(client: Client) -> bool:
    Publication.objects.all().delete()
    return deletes_what_is_live(client)


def undoes_the_deletion_of_a_live_text(client: Client) -> bool:
    delete_narratives([narrative()])
    client.post(admin_page("narratives.narrative", "undelete"), {"pk": Narrative.everything.get().pk})
    return bool(Narrative.objects.exists())


def duplicates_a_text(client: Client) -> bool:
    client.post(admin_page("narratives.narrative", "duplicate", narrative().pk), YES)
    return Narrative.objects.count() > 1


def duplicates_a_journey(client: Client) -> bool:
    client.post(admin_page("narratives.journey", "duplicate", Journey.objects.get().pk), YES)
    return Journey.objects.count() > 1


def withdraws_a_token(client: Client) -> bool:
    token = ApiToken.objects.create(name="front end")
    client.post(admin_page("ttscache.apitoken", "delete", token.pk), {"post": "yes"})
    return not ApiToken.objects.exists()


def runs_a_failed_task_again(client: Client) -> bool:
    OrmQ.objects.all().delete()
    now = timezone.now()
    task = Task.objects.create(
        id="t",
        name="warm clips",
        func="ttscache.tasks.make_queued_clips",
        started=now,
        stopped=now,
        success=False,
    )
    client.post(admin_page("django_q.failure"), {"action": "resubmit_task", "_selected_action": task.pk})
    return OrmQ.objects.exists() and not Failure.objects.exists()


def moves_a_schedule(client: Client) -> bool:
    post_schedule(client, Schedule.objects.create(name="nightly", func="ttscache.tasks.clean_up"))
    return bool(Schedule.objects.get(name="nightly").minutes == 30)


def schedules_any_code(client: Client) -> bool:
    post_schedule(
        client, Schedule.objects.create(name="nightly", func="ttscache.tasks.clean_up"), func="os.abort"
    )
    post_schedule(client, None, func="os.abort")
    return bool(Schedule.objects.filter(func="os.abort").exists())


def narrative() -> Narrative:
    return Narrative.objects.select_related("live", "journey").get()


def is_published() -> bool:
    """Whether listeners get the new text, now or once its sound is made."""
    upcoming = narrative().upcoming
    return upcoming is not None and upcoming.text == NEW


def waiting_is(client: Client, button: str) -> str:
    """Press a button of a waiting publication; returns its new state."""
    (publication,) = publishing.publish([narrative()])
    client.post(reverse("admin:narratives_journey_waiting", args=[publication.journey_id, button]), YES)
    publication.refresh_from_db()
    return publication.state


def narrative_address(narrative: Narrative, name: str = "change") -> str:
    return admin_page("narratives.narrative", name, narrative.pk)


def save_journey(client: Client, rows: list[tuple[Narrative, dict[str, Any]]], **journeys: str) -> None:
    journey = Journey.objects.get()
    form: dict[str, Any] = {"title": journey.title, "slug": journey.slug, "language": "en", "is_live": "on"}
    form |= journeys
    form |= {"narratives-TOTAL_FORMS": len(rows), "narratives-INITIAL_FORMS": len(rows)}
    for row, (narrative, changes) in enumerate(rows):
        fields = ("id", "title", "kind", "text", "position")
        told = {field: getattr(narrative, field) for field in fields} | {"journey": journey.pk} | changes
        form |= {f"narratives-{row}-{name}": value for name, value in told.items()}
    client.post(admin_page("narratives.journey", "change", journey.pk), form)


def a_run() -> WarmRun:
    return publishing.warm_journey(Journey.objects.get(), "nova")


def a_reflection() -> Clip:
    Clip.objects.record_all([speech("A quiet kind of home.")], "analysis", are_shareable=True)
    return Clip.objects.get(content_type="analysis")


def steered(client: Client, button: str) -> str:
    """Press a button of a run; returns its new state."""
    run = WarmRun.objects.first() or a_run()
    client.post(admin_page("ttscache.warmrun", button, run.pk), YES)
    run.refresh_from_db()
    return run.state


def choose(client: Client, action: str, **more: str) -> None:
    chosen = {"action": action, "_selected_action": [row.pk for row in Narrative.objects.all()]}
    client.post(admin_page("narratives.narrative"), chosen | YES | more)


def post_schedule(client: Client, schedule: Schedule | None, **changes: str) -> None:
    name = "change" if schedule else "add"
    form = {
        "name": "nightly",
        "func": "ttscache.tasks.clean_up",
        "schedule_type": "I",
        "minutes": 30,
        "repeats": -1,
    }
    when = {"next_run_0": "2026-11-23", "next_run_1": "04:00:00"}
    client.post(
        admin_page("django_q.schedule", name, *([schedule.pk] if schedule else [])), form | when | changes
    )
