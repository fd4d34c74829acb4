"""The reflections that the model may choose again, as staff see and decide about them."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from harness.staff_actions import make_groups, staff_client
from narratives.models import BankReflection, OfferedReflection

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

LIST = reverse("admin:narratives_offeredreflection_changelist")
TEXT = "It sounds as though that was a good day. Thank you for it."


@pytest.fixture
def offered() -> OfferedReflection:
    return OfferedReflection.objects.create(theme="work", text=TEXT, times_heard=41, times_chosen=37)


def decide(client: Client, action: str, offered: OfferedReflection) -> OfferedReflection:
    client.post(LIST, {"action": action, "_selected_action": offered.pk}, follow=True)
    offered.refresh_from_db()
    return offered


def test_the_list_says_how_often_each_is_heard_and_chosen(
    admin_client: Client, offered: OfferedReflection
) -> None:
    page = admin_client.get(LIST).content.decode()
    assert all(shown in page for shown in (TEXT, ">41<", ">37<"))


def test_a_reflection_is_taken_out_of_the_offer_and_put_back(
    admin_client: Client, offered: OfferedReflection
) -> None:
    assert not decide(admin_client, "take_out", offered).is_offered
    assert decide(admin_client, "offer_again", offered).is_offered


def test_a_reflection_is_marked_as_fit_after_a_hard_answer_and_the_mark_is_removed(
    admin_client: Client, offered: OfferedReflection
) -> None:
    assert decide(admin_client, "mark_as_fit", offered).fits_heavy
    assert not decide(admin_client, "remove_mark", offered).fits_heavy


def test_the_history_of_an_offered_reflection_names_who_decided(
    admin_client: Client, admin_user: User, offered: OfferedReflection
) -> None:
    decide(admin_client, "take_out", offered)
    assert admin_user.logentry_set.get().get_change_message() == "Taken out of the offer."


def test_a_publisher_decides_and_an_editor_looks_on(offered: OfferedReflection) -> None:
    make_groups()
    editor = staff_client("Editor")
    assert TEXT in editor.get(LIST).content.decode()
    assert decide(editor, "take_out", offered).is_offered
    assert not decide(staff_client("Publisher"), "take_out", offered).is_offered


def test_nobody_writes_or_deletes_here(offered: OfferedReflection) -> None:
    user = User.objects.create(username="all rights", is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    client = Client()
    client.force_login(user)
    assert client.get(reverse("admin:narratives_offeredreflection_add")).status_code == 403
    delete = reverse("admin:narratives_offeredreflection_delete", args=[offered.pk])
    assert client.post(delete, {"post": "yes"}).status_code == 403


def test_marking_what_the_bank_has_without_the_mark_says_where_else_to_set_it(
    admin_client: Client, offered: OfferedReflection
) -> None:
    BankReflection.objects.create(text=TEXT, theme="work")
    chosen = {"action": "mark_as_fit", "_selected_action": offered.pk}
    page = admin_client.post(LIST, chosen, follow=True).content.decode()
    assert "In the reflection bank, without this mark: 1 of these." in page
