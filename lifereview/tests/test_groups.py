"""Who may what: each group signs in and tries every deed; who did it is in the admin log, with the price."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import Failure, OrmQ, Schedule, Task

from harness.site import WebServer
from lifereview.tests.holdings import query
from narratives import publishing
from narratives.deleting import delete_narratives
from narratives.models import BankReflection, Journey, Narrative
from ttscache.models import ApiToken, Clip, PruneRun, WarmRun
from ttscache.tests.fakes import speech

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

GROUPS = ("Editor", "Publisher", "Analyst", "Operator")
NEW = "Where did it all begin?"
PASSWORD = "quite long enough"


def make_groups() -> None:
    """As `migrate` does; a test that empties the tables takes them away."""
    import_module("narratives.migrations.0006_groups").make_groups(apps)


@pytest.fixture(autouse=True)
def journey(settings: Any) -> Journey:
    """Live, with one published text that has a draft; a clip costs money."""
    settings.TTSCACHE = {**settings.TTSCACHE, "provider": "openai", "openai_api_key": "sk-test"}
    make_groups()
    journey = Journey.objects.create(slug="ours", title="Ours", is_live=True)
    text = Narrative.objects.create(journey=journey, slug="q", title="Question", text="Where?")
    publishing.publish([text])
    Narrative.objects.update(text=NEW)
    WarmRun.objects.all().delete()
    return journey


def signed_in(group: str) -> Client:
    user = User.objects.create_user(group.lower(), password=PASSWORD, is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    client = Client()
    answer = client.post(reverse("admin:login"), {"username": group.lower(), "password": PASSWORD})
    assert answer.status_code == 302
    return client


def admin_page(model: str, name: str = "changelist", *args: Any) -> str:
    return reverse(f"admin:{model.replace('.', '_')}_{name}", args=args)


# --- deeds: each returns whether it was done ----------------------------------------------------------------
def sees(model: str) -> Callable[[Client], bool]:
    return lambda client: client.get(admin_page(model)).status_code == 200


def writes(client: Client) -> bool:
    client.post(page_of(narrative()), form_of(narrative(), text="Another draft."))
    return narrative().text == "Another draft."


def saves_and_publishes(client: Client) -> bool:
    asked = client.post(page_of(narrative()), form_of(narrative(), _publish="1"))
    if "Publish anyway" in asked.content.decode():
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
    form = {"text": "That was a good morning. Thank you for it.", "theme": "general", "occasion": "any"}
    client.post(address, form)
    return bool(BankReflection.objects.exists())


def sees_the_dashboard(client: Client) -> bool:
    return 'class="dash"' in client.get(reverse("admin:index")).content.decode()


def takes_figures_along(client: Client) -> bool:
    return client.get(reverse("admin:ttscache_dashboard_csv")).status_code == 200


def goes_live(client: Client) -> bool:
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
    client.post(page_of(narrative()), form_of(narrative(), kind="system"))
    return narrative().kind == "system"


def renames_or_moves_away_what_is_live(client: Client) -> bool:
    other = Journey.objects.create(slug="other", title="Other")
    client.post(page_of(narrative()), form_of(narrative(), journey=other.pk, slug="else"))
    moved = Narrative.objects.get(slug__in=["q", "else"])
    return (moved.journey, moved.slug) == (other, "else")


def moves_what_is_published_to_listeners(client: Client) -> bool:
    other = Journey.objects.create(slug="other", title="Other", is_live=True)
    Journey.objects.filter(slug="ours").update(is_live=False)
    Clip.objects.update(kept_at=timezone.now())
    client.post(page_of(narrative()), form_of(narrative(), journey=other.pk))
    return narrative().journey == other


def renames_a_live_journey(client: Client) -> bool:
    save_journey(client, [], slug="theirs", language="fr")
    journey = Journey.objects.get()
    return (journey.slug, journey.language) == ("theirs", "fr")


def deletes_what_is_live(client: Client) -> bool:
    client.post(page_of(narrative(), "delete"), {"post": "yes"})
    return not Narrative.objects.exists()


def deletes_what_is_live_among_others(client: Client) -> bool:
    choose(client, "delete_selected", post="yes")
    return not Narrative.objects.exists()


def deletes_a_draft(client: Client) -> bool:
    Narrative.objects.update(live=None)
    return deletes_what_is_live(client)


def undoes_what_listeners_lost(client: Client) -> bool:
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
        id="t", name="warm clips", func="ttscache.tasks.warm", started=now, stopped=now, success=False
    )
    client.post(admin_page("django_q.failure"), {"action": "resubmit_task", "_selected_action": task.pk})
    return OrmQ.objects.exists() and not Failure.objects.exists()


def moves_a_schedule(client: Client) -> bool:
    post_schedule(client, Schedule.objects.create(name="nightly", func="ttscache.tasks.tidy"))
    return bool(Schedule.objects.get(name="nightly").minutes == 30)


def schedules_any_code(client: Client) -> bool:
    post_schedule(
        client, Schedule.objects.create(name="nightly", func="ttscache.tasks.tidy"), func="os.abort"
    )
    post_schedule(client, None, func="os.abort")
    return bool(Schedule.objects.filter(func="os.abort").exists())


MAY: dict[Callable[[Client], bool], str] = {
    sees("narratives.journey"): "Editor Publisher Operator",
    sees("narratives.pronunciation"): "Editor Publisher",
    sees("narratives.bankreflection"): "Editor Publisher",
    sees("ttscache.clip"): "Editor Publisher Analyst Operator",
    sees("ttscache.warmrun"): "Publisher Analyst Operator",
    sees("ttscache.prunerun"): "Analyst Operator",
    sees("ttscache.alert"): "Analyst Operator",
    sees("ttscache.usage"): "Publisher Analyst Operator",
    sees("ttscache.spending"): "Analyst Operator",
    sees("ttscache.soundstart"): "Publisher Analyst Operator",
    sees("django_q.ormq"): "Operator",
    sees("django_q.failure"): "Operator",
    sees("auth.user"): "",
    sees("auth.group"): "",
    writes: "Editor Publisher",
    saves_and_publishes: "Publisher",
    publishes_the_journey: "Publisher",
    publishes_chosen: "Publisher",
    publishes_anyway: "Publisher",
    takes_back_what_waits: "Publisher",
    makes_the_journey: "Publisher Operator",
    makes_chosen: "Publisher Operator",
    makes_what_is_published: "Publisher Operator",
    pauses_a_run: "Operator",
    lets_a_run_go_on: "Operator",
    cancels_a_run: "Operator",
    tries_failed_clips_again: "Publisher Operator",
    stops_a_prune: "Operator",
    clears_old_clips: "Operator",
    removes_what_was_listed: "Operator",
    makes_a_reflection_in_another_voice: "Publisher Operator",
    hides_a_reflection: "Publisher Operator",
    makes_what_is_missing: "Publisher Operator",
    tries_what_failed_again: "Publisher Operator",
    adds_a_heard_reflection_to_the_bank: "Editor Publisher",
    sees_the_dashboard: "Publisher Analyst Operator",
    takes_figures_along: "Publisher Analyst Operator",
    goes_live: "Publisher",
    takes_a_journey_off: "Publisher",
    changes_the_order_of_what_is_live: "Publisher",
    makes_a_live_question_a_system_clip: "Publisher",
    renames_or_moves_away_what_is_live: "Publisher",
    moves_what_is_published_to_listeners: "Publisher",
    renames_a_live_journey: "Publisher",
    deletes_what_is_live: "Publisher",
    deletes_what_is_live_among_others: "Publisher",
    deletes_a_draft: "Editor Publisher",
    undoes_what_listeners_lost: "Publisher",
    duplicates_a_text: "Editor Publisher",
    duplicates_a_journey: "Editor Publisher",
    withdraws_a_token: "Operator",
    runs_a_failed_task_again: "Operator",
    moves_a_schedule: "Operator",
    schedules_any_code: "",
}
NAMES = [
    *(
        "sees-journeys",
        "sees-lexicon",
        "sees-bank",
        "sees-clips",
        "sees-runs",
        "sees-prunes",
        "sees-alerts",
        "sees-usage",
    ),
    *("sees-spending", "sees-time-to-sound", "sees-queue", "sees-failures", "sees-staff", "sees-groups"),
    *(deed.__name__ for deed in list(MAY)[14:]),
]
YES = {"confirmed": "yes"}


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("deed", MAY, ids=NAMES)
def test_a_group_may_do_what_it_is_for_and_nothing_else(deed: Callable[[Client], bool], group: str) -> None:
    assert deed(signed_in(group)) is (group in MAY[deed].split())


BUTTONS = {
    "Save draft": "Editor Publisher",
    "Save and publish": "Publisher",
    "Publish changes": "Publisher",
    "Make missing clips": "Publisher Operator",
}


@pytest.mark.parametrize("group", ["Editor", "Publisher", "Operator"])
def test_nobody_is_shown_a_button_that_is_not_theirs(group: str, journey: Journey) -> None:
    page = signed_in(group).get(admin_page("narratives.journey", "change", journey.pk)).content.decode()

    assert {name for name in BUTTONS if name in page} == {n for n, who in BUTTONS.items() if group in who}


@pytest.mark.parametrize(
    ("group", "is_shown"), [("Editor", False), ("Publisher", True)], ids=["editor", "publisher"]
)
def test_only_who_may_order_is_shown_arrows(group: str, is_shown: bool, journey: Journey) -> None:
    page = signed_in(group).get(admin_page("narratives.journey", "change", journey.pk)).content.decode()

    assert ('data-move="1"' in page, "x-sort.ghost" in page) == (is_shown, is_shown)


@pytest.mark.parametrize("deed", ["publish_changes", "make_missing"])
def test_the_address_of_a_deed_that_is_not_theirs_answers_403(deed: str, journey: Journey) -> None:
    answer = signed_in("Editor").post(admin_page("narratives.journey", deed, journey.pk), YES)

    assert answer.status_code == 403


class TestTheLog:
    @pytest.mark.parametrize("deed", [saves_and_publishes, publishes_the_journey, publishes_chosen])
    def test_publishing_is_noted_with_count_and_price(self, deed: Callable[[Client], bool]) -> None:
        deed(signed_in("Publisher"))

        assert any(says.startswith(f"Version 2: 1 text. {CLIPS_MADE}") for says in noted_of("publisher"))

    @pytest.mark.parametrize("deed", [makes_the_journey, makes_chosen])
    def test_making_is_noted_with_count_and_price(self, deed: Callable[[Client], bool]) -> None:
        Journey.objects.update(is_live=False)
        Narrative.objects.update(live=None)
        deed(signed_in("Operator"))

        assert noted_of("operator") == [f"Made missing clips. {CLIPS_MADE}"]

    def test_making_all_that_is_published_is_noted_with_count_and_price(self) -> None:
        makes_what_is_published(signed_in("Operator"))

        one = "Missing clips asked for. 1 clip is being made: 6 characters, about $0.001."
        assert noted_of("operator") == [one, one]

    def test_another_try_is_noted_with_count_and_price(self) -> None:
        tries_failed_clips_again(signed_in("Publisher"))

        assert noted_of("publisher") == [
            "Failed ones get another try. 1 clip is tried again: 6 characters, about $0.001."
        ]

    def test_what_two_texts_share_is_counted_once(self, journey: Journey) -> None:
        Narrative.objects.create(journey=journey, slug="q2", title="The same again", text=NEW)
        makes_chosen(signed_in("Publisher"))

        assert noted_of("publisher") == [f"Made missing clips. {CLIPS_MADE}"]

    def test_going_live_is_noted_with_count_and_price(self) -> None:
        goes_live(signed_in("Publisher"))

        assert any(
            "2 clips are being made: 12 characters, about $0.001." in says for says in noted_of("publisher")
        )


class TestTheFirstPage:
    def test_an_editor_sees_what_the_texts_need_and_no_figures(self) -> None:
        page = signed_in("Editor").get(reverse("admin:index")).content.decode()
        assert "1 text has changes not published yet" in page
        assert "Site administration" not in page
        assert 'class="dash"' not in page

    def test_nobody_sees_a_need_that_leads_where_they_may_not_go(self) -> None:
        user = User.objects.create_user("looker", is_staff=True)
        client = Client()
        client.force_login(user)
        assert "1 text has changes" not in client.get(reverse("admin:index")).content.decode()


class TestTheGroups:
    def test_making_them_again_changes_nothing_that_an_admin_has_changed(self) -> None:
        analyst = Group.objects.get(name="Analyst")
        analyst.permissions.set(Permission.objects.filter(codename="view_clip"))
        before = {group.name: rights_of(group.name) for group in Group.objects.all()}
        make_groups()

        assert {group.name: rights_of(group.name) for group in Group.objects.all()} == before
        assert rights_of("Analyst") == {"view_clip"}

    def test_a_publisher_is_an_editor_and_an_operator_an_analyst(self) -> None:
        assert rights_of("Editor") < rights_of("Publisher")
        assert rights_of("Analyst") < rights_of("Operator")

    def test_prune_make_and_publish_are_rights_of_their_own(self) -> None:
        own = {"prune_clip", "make_clip", "publish_journey"}
        assert {group: rights_of(group) & own for group in GROUPS} == {
            "Editor": set(),
            "Publisher": {"make_clip", "publish_journey"},
            "Analyst": set(),
            "Operator": {"make_clip", "prune_clip"},
        }


@pytest.mark.site
def test_migrating_an_empty_database_makes_them_at_once_and_a_second_time_changes_nothing(
    migrated: WebServer,
) -> None:
    sql = (
        "SELECT g.name, p.codename FROM auth_group g JOIN auth_group_permissions gp ON gp.group_id = g.id "
        "JOIN auth_permission p ON p.id = gp.permission_id"
    )
    made = set(query(migrated, sql))
    migrated.manage("migrate", "--verbosity", "0", check=True)

    assert {name for name, _ in made} == set(GROUPS)
    assert ("Operator", "prune_clip") in made
    assert set(query(migrated, sql)) == made


CLIPS_MADE = "2 clips are being made: 46 characters, about $0.001."


def rights_of(group: str) -> set[str]:
    return set(Group.objects.get(name=group).permissions.values_list("codename", flat=True))


def noted_of(username: str) -> list[str]:
    entries = LogEntry.objects.filter(user__username=username)
    return [entry.get_change_message() for entry in entries]


def narrative() -> Narrative:
    return Narrative.objects.select_related("live", "journey").get()


def is_published() -> bool:
    """Whether listeners get it, now or once its sound is made."""
    upcoming = narrative().upcoming
    return upcoming is not None and upcoming.text == NEW


def waiting_is(client: Client, deed: str) -> str:
    """What became of a publication that waits, once its button was pressed."""
    (publication,) = publishing.publish([narrative()])
    client.post(reverse("admin:narratives_journey_waiting", args=[publication.journey_id, deed]), YES)
    publication.refresh_from_db()
    return publication.state


def page_of(narrative: Narrative, name: str = "change") -> str:
    return admin_page("narratives.narrative", name, narrative.pk)


def form_of(narrative: Narrative, **changes: Any) -> dict[str, Any]:
    fields = ("title", "kind", "text", "slug", "stage", "theme")
    return (
        {field: getattr(narrative, field) for field in fields} | {"journey": narrative.journey_id} | changes
    )


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
    return publishing.warm(Journey.objects.get(), "nova")


def a_reflection() -> Clip:
    Clip.objects.record_all([speech("A quiet kind of home.")], "analysis", are_shareable=True)
    return Clip.objects.get(content_type="analysis")


def steered(client: Client, deed: str) -> str:
    """How a run stands once its button was pressed."""
    run = WarmRun.objects.first() or a_run()
    client.post(admin_page("ttscache.warmrun", deed, run.pk), YES)
    run.refresh_from_db()
    return run.state


def choose(client: Client, action: str, **more: str) -> None:
    chosen = {"action": action, "_selected_action": [row.pk for row in Narrative.objects.all()]}
    client.post(admin_page("narratives.narrative"), chosen | YES | more)


def post_schedule(client: Client, schedule: Schedule | None, **changes: str) -> None:
    name = "change" if schedule else "add"
    form = {
        "name": "nightly",
        "func": "ttscache.tasks.tidy",
        "schedule_type": "I",
        "minutes": 30,
        "repeats": -1,
    }
    when = {"next_run_0": "2026-11-23", "next_run_1": "04:00:00"}
    client.post(
        admin_page("django_q.schedule", name, *([schedule.pk] if schedule else [])), form | when | changes
    )
