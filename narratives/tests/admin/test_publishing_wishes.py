"""An editor asks to publish; publishers see it in "Needs you" until the journey is published."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from django.urls import reverse

from harness.admin_pages import YES, admin_address, edit, said
from harness.staff_actions import make_groups, staff_client
from harness.staff_pages import link_in, text_of
from narratives import publishing
from narratives.editing.deleting import delete_journeys
from narratives.models import Journey, Narrative, PublishingWish

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

NEW = "Where did it all begin?"
ASKS = "editor asks to publish “Ours”: 1 text changes, asked on"


@pytest.fixture
def editor(db: None) -> Client:
    make_groups()
    return staff_client("Editor")


@pytest.fixture
def publisher(editor: Client) -> Client:
    return staff_client("Publisher")


@pytest.fixture
def draft(question: Narrative) -> Narrative:
    edit(question, NEW)
    return question


@pytest.fixture
def wish(editor: Client, draft: Narrative) -> PublishingWish:
    """The editor has asked that the journey be published."""
    editor.post(admin_address(draft.journey, "ask_to_publish"), YES, follow=True)
    return PublishingWish.objects.get()


def needs(client: Client) -> str:
    return text_of(client.get(reverse("admin:index")))


class TestAsking:
    def test_asking_says_first_what_it_does_and_mails_nobody(self, editor: Client, draft: Narrative) -> None:
        User.objects.create_user("pia", email="pia@home.example", is_staff=True, is_superuser=True)
        page = text_of(editor.get(admin_address(draft.journey)))
        address = link_in(page, r'href="([^"]*/ask/)">Ask to publish<')
        assert "Not published yet: 1 text changes." in text_of(editor.get(address))
        assert not PublishingWish.objects.exists()

        answer = editor.post(address, YES, follow=True)

        assert said(answer) == "Asked to publish."
        assert PublishingWish.objects.get().asked_by_name == "editor"
        assert [entry.get_change_message() for entry in LogEntry.objects.all()] == ["Asked to publish."]
        assert not mail.outbox

    @pytest.mark.parametrize("group", ["Publisher", "Operator", "Editor"])
    def test_everybody_sees_on_the_page_who_asks(self, wish: PublishingWish, group: str) -> None:
        User.objects.filter(username="editor").update(first_name="Ana Lopez")
        User.objects.filter(username=group.lower()).exclude(username="editor").delete()
        client = Client()
        if group == "Editor":
            client.force_login(wish.asked_by)
        else:
            client = staff_client(group)

        page = text_of(client.get(admin_address(wish.journey)))

        assert "Ana Lopez asks to publish this journey" in page
        assert ("See what changed" in page) == (group == "Publisher")

    def test_a_publisher_needs_one_press_from_the_first_page_to_the_changes(
        self, wish: PublishingWish, publisher: Client, editor: Client
    ) -> None:
        page = needs(publisher)
        assert ASKS in page
        assert ASKS not in needs(editor)

        changes = text_of(publisher.get(link_in(page, r'href="([^"]*/publish/)"')))

        assert f"<del>Where did it begin?</del><ins>{NEW}</ins>" in changes

    def test_nobody_asks_twice(self, wish: PublishingWish, editor: Client) -> None:
        answer = editor.post(admin_address(wish.journey, "ask_to_publish"), YES, follow=True)

        assert said(answer) == "editor has asked already."
        assert PublishingWish.objects.get() == wish

    def test_without_changes_there_is_nothing_to_ask_for(self, editor: Client, journey: Journey) -> None:
        assert "Ask to publish" not in text_of(editor.get(admin_address(journey)))
        answer = editor.post(admin_address(journey, "ask_to_publish"), YES, follow=True)

        assert said(answer) == "There is nothing to publish: listeners have all of it already."
        assert not PublishingWish.objects.exists()


class TestTheEndOfAWish:
    def test_publishing_the_journey_ends_the_wish(self, wish: PublishingWish, publisher: Client) -> None:
        publisher.post(admin_address(wish.journey, "publish_changes"), YES)

        assert not PublishingWish.objects.exists()
        assert ASKS not in needs(publisher)

    def test_publishing_one_text_of_two_keeps_the_wish(
        self, wish: PublishingWish, draft: Narrative, publisher: Client
    ) -> None:
        outro = wish.journey.narratives.get(kind="outro")
        edit(outro, "Thank you so much.")

        publishing.publish([outro])
        assert ASKS in needs(publisher)

        publishing.publish([draft])
        assert not PublishingWish.objects.exists()

    def test_the_person_who_asked_takes_it_back(self, wish: PublishingWish, editor: Client) -> None:
        page = text_of(editor.get(admin_address(wish.journey)))
        address = link_in(page, r'href="([^"]*/take-back/)">Take it back<')
        assert "Publishers no longer see that somebody asks." in text_of(editor.get(address))

        answer = editor.post(address, YES, follow=True)

        assert said(answer) == "The wish of editor to publish is taken back."
        assert not PublishingWish.objects.exists()

    def test_another_editor_cannot_take_it_back(self, wish: PublishingWish) -> None:
        User.objects.filter(username="editor").update(username="ana")
        other = staff_client("Editor")

        assert other.post(admin_address(wish.journey, "take_back_wish"), YES).status_code == 403
        assert PublishingWish.objects.exists()

    def test_a_draft_that_is_edited_back_needs_nobody(
        self, wish: PublishingWish, draft: Narrative, publisher: Client
    ) -> None:
        edit(draft, "Where did it begin?")

        assert "asks to publish" not in needs(publisher)

    def test_a_deleted_journey_needs_nobody(self, wish: PublishingWish, publisher: Client) -> None:
        delete_journeys([wish.journey])

        assert "asks to publish" not in needs(publisher)

    def test_a_wish_that_is_gone_is_said_to_be_gone(self, wish: PublishingWish, editor: Client) -> None:
        wish.delete()
        answer = editor.post(admin_address(wish.journey, "take_back_wish"), YES, follow=True)

        assert said(answer) == "Nobody asks to publish this journey any more."
