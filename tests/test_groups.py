"""Each group tries every staff action; the admin log names the author and the price."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from harness import staff_actions as actions
from harness.site import WebServer
from harness.site_data import query
from harness.staff_actions import NEW, admin_page, staff_client
from harness.staff_pages import YES
from narratives.models import Journey, Narrative, Publication

pytestmark = [pytest.mark.django_db, pytest.mark.any_database, pytest.mark.usefixtures("journey")]


GROUPS = ("Editor", "Publisher", "Analyst", "Operator")

MAY: dict[Callable[[Client], bool], str] = {
    actions.sees("narratives.journey"): "Editor Publisher Operator",
    actions.sees("narratives.pronunciation"): "Editor Publisher",
    actions.sees("narratives.bankreflection"): "Editor Publisher",
    actions.sees("ttscache.clip"): "Editor Publisher Analyst Operator",
    actions.sees("ttscache.rendition"): "Publisher Analyst Operator",
    actions.sees("ttscache.warmrun"): "Publisher Analyst Operator",
    actions.sees("ttscache.prunerun"): "Analyst Operator",
    actions.sees("ttscache.alert"): "Analyst Operator",
    actions.sees("ttscache.usage"): "Publisher Analyst Operator",
    actions.sees("ttscache.spending"): "Analyst Operator",
    actions.sees("ttscache.playbackstart"): "Publisher Analyst Operator",
    actions.sees("django_q.ormq"): "Operator",
    actions.sees("django_q.failure"): "Operator",
    actions.sees("auth.user"): "",
    actions.sees("auth.group"): "",
    actions.writes: "Editor Publisher",
    actions.saves_and_publishes: "Publisher",
    actions.publishes_the_journey: "Publisher",
    actions.publishes_chosen: "Publisher",
    actions.publishes_anyway: "Publisher",
    actions.takes_back_what_waits: "Publisher",
    actions.makes_the_journey: "Publisher Operator",
    actions.makes_chosen: "Publisher Operator",
    actions.makes_what_is_published: "Publisher Operator",
    actions.chooses_a_voice: "Publisher Operator",
    actions.pauses_a_run: "Operator",
    actions.lets_a_run_go_on: "Operator",
    actions.cancels_a_run: "Operator",
    actions.tries_failed_clips_again: "Publisher Operator",
    actions.stops_a_prune: "Operator",
    actions.clears_old_clips: "Operator",
    actions.removes_what_was_listed: "Operator",
    actions.makes_a_reflection_in_another_voice: "Publisher Operator",
    actions.hides_a_reflection: "Publisher Operator",
    actions.makes_what_is_missing: "Publisher Operator",
    actions.tries_what_failed_again: "Publisher Operator",
    actions.adds_a_heard_reflection_to_the_bank: "Editor Publisher",
    actions.sees_the_dashboard: "Publisher Analyst Operator",
    actions.takes_figures_along: "Publisher Analyst Operator",
    actions.hears_a_draft: "Editor",
    actions.sets_the_allowance_for_drafts: "Publisher",
    actions.asks_to_publish: "Editor",
    actions.sets_a_wish_aside: "Publisher",
    actions.takes_live: "Publisher",
    actions.takes_a_journey_off: "Publisher",
    actions.changes_the_order_of_what_is_live: "Editor Publisher",
    actions.makes_a_live_question_a_system_clip: "Editor Publisher",
    actions.renames_what_is_live: "Editor Publisher",
    actions.moves_what_is_published_to_another_journey: "",
    actions.renames_a_live_journey: "Publisher",
    actions.deletes_what_is_live: "Editor Publisher",
    actions.deletes_what_is_live_among_others: "Editor Publisher",
    actions.deletes_a_draft: "Editor Publisher",
    actions.undoes_the_deletion_of_a_live_text: "Editor Publisher",
    actions.duplicates_a_text: "Editor Publisher",
    actions.duplicates_a_journey: "Editor Publisher",
    actions.withdraws_a_token: "Operator",
    actions.runs_a_failed_task_again: "Operator",
    actions.moves_a_schedule: "Operator",
    actions.schedules_any_code: "",
}

NAMES = [
    *(
        "sees-journeys",
        "sees-lexicon",
        "sees-bank",
        "sees-clips",
        "sees-voices",
        "sees-runs",
        "sees-prunes",
        "sees-alerts",
        "sees-usage",
    ),
    *("sees-spending", "sees-time-to-sound", "sees-queue", "sees-failures", "sees-staff", "sees-groups"),
    *(action.__name__ for action in list(MAY)[15:]),
]


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("action", MAY, ids=NAMES)
def test_each_group_has_exactly_its_permissions(action: Callable[[Client], bool], group: str) -> None:
    assert action(staff_client(group)) is (group in MAY[action].split())


BUTTONS = {
    "Save draft": "Editor Publisher",
    "Save and publish": "Publisher",
    "Publish changes": "Publisher",
    "Make missing clips": "Publisher Operator",
}


@pytest.mark.parametrize("group", ["Editor", "Publisher", "Operator"])
def test_pages_show_only_permitted_buttons(group: str, journey: Journey) -> None:
    page = staff_client(group).get(admin_page("narratives.journey", "change", journey.pk)).content.decode()

    assert {name for name in BUTTONS if name in page} == {n for n, who in BUTTONS.items() if group in who}


@pytest.mark.parametrize(
    ("group", "is_shown"), [("Operator", False), ("Editor", True)], ids=["operator", "editor"]
)
def test_arrows_are_shown_only_with_the_permission_to_order(
    group: str, is_shown: bool, journey: Journey
) -> None:
    page = staff_client(group).get(admin_page("narratives.journey", "change", journey.pk)).content.decode()

    assert ('data-move="1"' in page, "x-sort.ghost" in page) == (is_shown, is_shown)


@pytest.mark.parametrize("action", ["publish_changes", "make_missing"])
def test_the_address_of_a_forbidden_action_is_403(action: str, journey: Journey) -> None:
    answer = staff_client("Editor").post(admin_page("narratives.journey", action, journey.pk), YES)

    assert answer.status_code == 403


class TestAdminLog:
    @pytest.mark.parametrize(
        "action", [actions.saves_and_publishes, actions.publishes_the_journey, actions.publishes_chosen]
    )
    def test_publishing_is_logged_with_count_and_price(self, action: Callable[[Client], bool]) -> None:
        action(staff_client("Publisher"))

        assert any(
            says.startswith(f"Version 2: 1 text changes. {CLIPS_MADE}") for says in log_of("publisher")
        )

    @pytest.mark.parametrize("action", [actions.makes_the_journey, actions.makes_chosen])
    def test_making_clips_is_logged_with_count_and_price(self, action: Callable[[Client], bool]) -> None:
        Journey.objects.update(is_live=False)
        Publication.objects.all().delete()
        action(staff_client("Operator"))

        assert log_of("operator") == [f"Made missing clips. {CLIPS_MADE}"]

    def test_making_all_published_clips_is_logged_with_count_and_price(self) -> None:
        actions.makes_what_is_published(staff_client("Operator"))

        one = "Made missing clips. 1 clip is being made: 6 characters, about $0.001."
        assert log_of("operator") == [one, one]

    def test_a_retry_is_logged_with_count_and_price(self) -> None:
        actions.tries_failed_clips_again(staff_client("Publisher"))

        assert log_of("publisher") == [
            "The failed clips are tried again. 1 clip is tried again: 6 characters, about $0.001."
        ]

    def test_a_clip_shared_by_two_texts_is_logged_once(self, journey: Journey) -> None:
        Narrative.objects.create(journey=journey, slug="q2", title="The same again", text=NEW)
        actions.makes_chosen(staff_client("Publisher"))

        assert log_of("publisher") == [f"Made missing clips. {CLIPS_MADE}"]

    def test_going_live_is_logged_with_count_and_price(self) -> None:
        actions.takes_live(staff_client("Publisher"))

        assert any(
            "2 clips are being made: 12 characters, about $0.001." in says for says in log_of("publisher")
        )


class TestFirstPage:
    def test_an_editor_sees_what_the_texts_need_and_no_figures(self) -> None:
        page = staff_client("Editor").get(reverse("admin:index")).content.decode()
        assert "1 text has unpublished changes" in page
        assert "Site administration" not in page
        assert 'class="dash"' not in page

    def test_needs_you_lists_only_permitted_pages(self) -> None:
        user = User.objects.create_user("looker", is_staff=True)
        client = Client()
        client.force_login(user)
        assert "1 text has changes" not in client.get(reverse("admin:index")).content.decode()


class TestGroups:
    def test_migrating_again_keeps_changed_groups(self) -> None:
        analyst = Group.objects.get(name="Analyst")
        analyst.permissions.set(Permission.objects.filter(codename="view_clip"))
        before = {group.name: rights_of(group.name) for group in Group.objects.all()}
        import_module("narratives.migrations.0003_groups").make_groups(apps)

        assert {group.name: rights_of(group.name) for group in Group.objects.all()} == before
        assert rights_of("Analyst") == {"view_clip"}

    def test_a_publisher_is_an_editor_and_an_operator_an_analyst(self) -> None:
        assert rights_of("Editor") < rights_of("Publisher")
        assert rights_of("Analyst") < rights_of("Operator")

    def test_prune_make_and_publish_are_separate_permissions(self) -> None:
        own = {"prune_clip", "make_clip", "publish_journey"}
        assert {group: rights_of(group) & own for group in GROUPS} == {
            "Editor": set(),
            "Publisher": {"make_clip", "publish_journey"},
            "Analyst": set(),
            "Operator": {"make_clip", "prune_clip"},
        }


@pytest.mark.site
def test_migrating_an_empty_database_creates_the_groups_once(
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


def log_of(username: str) -> list[str]:
    entries = LogEntry.objects.filter(user__username=username)
    return [entry.get_change_message() for entry in entries]
