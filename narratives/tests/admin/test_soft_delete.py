"""Staff delete and undo, and find deleted texts and journeys for a month."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from harness.admin_pages import JOURNEYS, NARRATIVES, YES, admin_address, badges, heard, journey_form
from harness.staff_pages import staff_with
from narratives import publishing
from narratives.editing.deleting import delete_journeys, delete_narratives
from narratives.models import Journey, Narrative
from ttscache.models import Pin

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

UNDELETE = reverse("admin:narratives_narrative_undelete")


def delete_on_its_page(client: Client, thing: Journey | Narrative) -> Any:
    return client.post(admin_address(thing, "delete"), {"post": "yes"}, follow=True)


def delete_in_the_list(client: Client, thing: Journey | Narrative) -> Any:
    where = reverse(f"admin:narratives_{thing._meta.model_name}_changelist")
    chosen = {"action": "delete_selected", "_selected_action": [thing.pk]}
    assert "for 30 days" in client.post(where, chosen).content.decode()
    return client.post(where, chosen | {"post": "yes"}, follow=True)


def delete_in_the_editor(client: Client, thing: Narrative) -> Any:
    form = journey_form(thing.journey, **{f"narratives-{thing.position}-DELETE": "on"})
    return client.post(admin_address(thing.journey), form | {"_continue": "1"}, follow=True)


def undo(client: Client, page: Any) -> Any:
    """Press the undo button of the message."""
    pattern = re.compile(r'<form method="post" action="(\S+undelete/)">(.*?)</form>', re.DOTALL)
    (form,) = pattern.findall(page.content.decode())
    fields = re.findall(r'name="(pk|back)" value="([^"]+)"', form[1])
    data: dict[str, Any] = {
        "back": dict(fields)["back"],
        "pk": [value for name, value in fields if name == "pk"],
    }
    return client.post(form[0], data, follow=True)


def notes() -> list[str]:
    return [str(entry.get_change_message()) for entry in LogEntry.objects.all()]


WAYS = [delete_on_its_page, delete_in_the_list, delete_in_the_editor]


class TestUndo:
    @pytest.mark.parametrize("delete", WAYS, ids=lambda way: way.__name__)
    def test_a_deleted_text_can_be_restored(self, admin_client, heard_question, delete):
        page = delete(admin_client, heard_question)
        assert "“Question” is deleted." in page.content.decode()
        assert not Narrative.objects.filter(pk=heard_question.pk).exists()
        assert "“Question” is back." in undo(admin_client, page).content.decode()
        assert list(Narrative.objects.values_list("slug", flat=True)) == ["intro", "question", "outro"]

    @pytest.mark.parametrize("delete", WAYS[:2], ids=lambda way: way.__name__)
    def test_a_deleted_journey_can_be_restored(self, admin_client, heard_journey, delete):
        page = delete(admin_client, heard_journey)
        assert not Journey.objects.exists()
        undo(admin_client, page)
        assert heard_journey.narratives.count() == 3

    def test_undo_leads_back_to_the_page_of_the_deletion(self, admin_client, heard_question):
        page = undo(admin_client, delete_in_the_editor(admin_client, heard_question))
        assert page.request["PATH_INFO"] == admin_address(heard_question.journey)

    def test_undo_never_redirects_to_another_site(self, admin_client, heard_question):
        delete_narratives([heard_question])
        answer = admin_client.post(UNDELETE, {"pk": heard_question.pk, "back": "https://example.org/"})
        assert answer.url == f"{NARRATIVES}?deleted=yes"

    def test_a_second_undo_finds_nothing_to_undo(self, admin_client, heard_question):
        page = delete_on_its_page(admin_client, heard_question)
        undo(admin_client, page)
        assert "nothing left to undo" in undo(admin_client, page).content.decode()

    def test_deleting_and_restoring_are_logged_with_their_author(self, admin_client, heard_question):
        undo(admin_client, delete_on_its_page(admin_client, heard_question))
        assert "Deletion undone." in notes()
        assert LogEntry.objects.filter(action_flag=3, object_id=str(heard_question.pk)).exists()
        assert set(LogEntry.objects.values_list("user__username", flat=True)) == {"admin"}

    def test_opening_the_undo_address_restores_nothing(self, admin_client):
        assert admin_client.get(UNDELETE).status_code == 405

    def test_staff_who_may_not_publish_can_restore_a_text_in_the_draft(self, heard_question):
        editor = staff_with("view_narrative", "delete_narrative")
        delete_narratives([heard_question])
        editor.post(UNDELETE, {"pk": heard_question.pk})
        assert not Narrative.everything.get(pk=heard_question.pk).is_deleted

    def test_undo_without_a_csrf_token_is_refused(self, admin_user, heard_question):
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(admin_user)
        delete_narratives([heard_question])
        assert strict.post(UNDELETE, {"pk": heard_question.pk}).status_code == 403


class TestDeletedLists:
    def test_deleted_texts_are_only_in_the_list_of_deleted_texts(self, admin_client, heard_question):
        delete_narratives([heard_question])
        assert admin_address(heard_question) not in admin_client.get(NARRATIVES).content.decode()
        assert admin_client.get(admin_address(heard_question)).status_code == 302

    def test_the_list_of_deleted_texts_shows_who_deleted_and_until_when(self, admin_client, heard_question):
        delete_narratives([heard_question], by="ana")
        page = admin_client.get(NARRATIVES, {"deleted": "yes"}).content.decode()
        assert "Restore: Question" in page
        assert "ana" in page
        assert "Restore: Intro" not in page

    def test_lists_link_to_deleted_rows_when_there_are_any(self, admin_client, heard_question):
        assert "view and restore" not in admin_client.get(NARRATIVES).content.decode()
        delete_narratives([heard_question])
        assert "1 deleted in the last 30 days" in admin_client.get(NARRATIVES).content.decode()

    def test_a_row_of_the_deleted_list_can_be_restored(self, admin_client, heard_question):
        delete_narratives([heard_question])
        answer = admin_client.post(UNDELETE, {"pk": heard_question.pk})
        assert answer.url == f"{NARRATIVES}?deleted=yes"
        assert Narrative.objects.filter(pk=heard_question.pk).exists()

    def test_several_deleted_rows_can_be_restored_at_once(self, admin_client, heard_journey):
        chosen = list(heard_journey.narratives.values_list("pk", flat=True))
        delete_narratives(heard_journey.narratives.all())
        restore = {"action": "restore_chosen", "_selected_action": chosen}
        admin_client.post(f"{NARRATIVES}?deleted=yes", restore)
        assert list(heard_journey.narratives.values_list("pk", flat=True)) == chosen

    def test_a_deleted_journey_can_be_restored_from_its_list(self, admin_client, heard_journey):
        delete_journeys([heard_journey])
        restore = {"action": "restore_chosen", "_selected_action": [heard_journey.pk]}
        admin_client.post(f"{JOURNEYS}?deleted=yes", restore)
        assert Journey.objects.get() == heard_journey

    def test_deleted_rows_offer_only_restore(self, admin_client, heard_question):
        delete_narratives([heard_question])
        choose = {"action": "publish_chosen", "_selected_action": [heard_question.pk]}
        admin_client.post(f"{NARRATIVES}?deleted=yes", choose)
        assert admin_client.get(f"{NARRATIVES}?deleted=yes").context["cl"].result_count == 1

    def test_texts_of_a_deleted_journey_come_back_with_it_alone(self, admin_client, heard_journey):
        delete_journeys([heard_journey])
        assert admin_client.get(NARRATIVES, {"deleted": "yes"}).context["cl"].result_count == 0


@pytest.mark.parametrize(("slug", "is_refused"), [("question", True), ("other", False)])
def test_two_texts_of_a_journey_cannot_share_a_name(admin_client, heard_journey, slug, is_refused):
    form = {"journey": heard_journey.pk, "title": "New", "kind": "question", "text": "New?", "slug": slug}
    page = admin_client.post(reverse("admin:narratives_narrative_add"), form)
    assert ("has a narrative with this slug already" in page.content.decode()) is is_refused


def test_rows_moved_while_another_is_deleted_keep_their_order(admin_client, heard_journey, heard_question):
    form = journey_form(heard_journey, **{"narratives-1-DELETE": "on"})
    form |= {"narratives-0-position": 1, "narratives-1-position": 2, "narratives-2-position": 0}
    admin_client.post(admin_address(heard_journey), form)
    assert list(heard_journey.narratives.values_list("slug", "position")) == [("outro", 0), ("intro", 1)]


class TestDeleting:
    def test_deleting_asks_first_and_publishing_it_releases_the_clips(self, admin_client, journey, question):
        content_hash = question.live.speech("nova").content_hash
        asked = admin_client.get(admin_address(question, "delete")).content.decode()
        assert "Are you sure" in asked
        assert "Listeners keep it until you publish the journey." in asked
        admin_client.post(admin_address(question, "delete"), {"post": "yes"})
        assert [title for title, _ in heard(admin_client)] == ["Intro", "Question", "Outro"]
        admin_client.post(admin_address(journey, "publish_changes"), YES)
        assert [title for title, _ in heard(admin_client)] == ["Intro", "Outro"]
        assert [pin.reason for pin in Pin.objects.filter(content_hash=content_hash)] == [Pin.Reason.RECENT]

    @pytest.mark.parametrize("address", [NARRATIVES, JOURNEYS])
    def test_several_texts_can_be_deleted_at_once(self, admin_client, journey, address):
        model = Narrative if address == NARRATIVES else Journey
        chosen = {"action": "delete_selected", "_selected_action": [row.pk for row in model.objects.all()]}
        admin_client.post(address, chosen | {"post": "yes"})
        assert not Narrative.objects.exists()
        publishing.publish_journey(journey)
        assert not Pin.objects.exclude(reason=Pin.Reason.RECENT).exists()

    def test_a_text_can_be_deleted_on_the_page_of_its_journey(self, admin_client, journey):
        form = journey_form(journey, **{"narratives-1-DELETE": "on"})
        page = admin_client.post(admin_address(journey), form | {"_continue": "1"}, follow=True)
        assert "Draft with changes" in badges(page)
        assert "Not published yet: 1 text is removed." in page.content.decode()
        asked = admin_client.get(admin_address(journey, "publish_changes")).content.decode()
        assert "Where did it begin?</del>" in asked
        admin_client.post(admin_address(journey, "publish_changes"), YES)
        assert [title for title, _ in heard(admin_client)] == ["Intro", "Outro"]
        assert not Pin.objects.filter(reason=Pin.Reason.DRAFT).exists()


@pytest.mark.parametrize("pk", ["²", "9" * 30], ids=["half a number", "a long number"])
def test_an_undo_that_names_no_deleted_text_says_so(admin_client, pk):
    page = admin_client.post(reverse("admin:narratives_narrative_undelete"), {"pk": pk}, follow=True)
    assert "nothing left to undo" in page.content.decode()
