"""Staff write, order, hear and publish texts; the tests check what listeners get."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django_q.models import OrmQ

from harness.admin_pages import (
    JOURNEYS,
    NARRATIVES,
    YES,
    admin_address,
    badges,
    edit,
    heard,
    journey_form,
    make_clips,
    narrative_form,
)
from harness.staff_pages import staff_with
from narratives.content.loading import load_default_content
from narratives.models import Journey
from ttscache.models import Clip, Pin, WarmItem

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


class TestDrafts:
    def test_saving_a_draft_changes_nothing_for_listeners_and_makes_no_clip(
        self, admin_client, journey, django_capture_on_commit_callbacks
    ):
        before, clips = heard(admin_client), Clip.objects.count()
        with django_capture_on_commit_callbacks(execute=True):
            form = journey_form(journey, **{"narratives-1-text": "Where did it all begin?"})
            assert admin_client.post(admin_address(journey), form).status_code == 302
        assert heard(admin_client) == before
        assert (Clip.objects.count(), WarmItem.objects.count(), OrmQ.objects.count()) == (clips, 0, 0)
        assert journey.narratives.get(kind="question").text == "Where did it all begin?"

    def test_clips_of_a_saved_draft_are_pinned(self, admin_client, question):
        admin_client.post(admin_address(question), narrative_form(question, text="Where did it all begin?"))
        question.refresh_from_db()
        held = Pin.objects.filter(reason=Pin.Reason.DRAFT).values_list("content_hash", flat=True)
        assert question.draft_speech("nova").content_hash in held

    def test_editing_a_text_records_the_time(self, admin_client, question):
        before = question.edited_at
        admin_client.post(admin_address(question), narrative_form(question, text="Where did it all begin?"))
        question.refresh_from_db()
        assert question.edited_at > before

    def test_a_new_question_comes_before_the_outro_and_gets_a_name_of_its_own(self, admin_client, journey):
        new = {
            "title": "Intro",
            "kind": "question",
            "text": "And then?",
            "position": 0,
            "journey": journey.pk,
        }
        form = journey_form(journey) | {f"narratives-3-{name}": value for name, value in new.items()}
        response = admin_client.post(admin_address(journey), form | {"narratives-TOTAL_FORMS": 4})
        assert response.status_code == 302
        order = journey.narratives.values_list("slug", "position")
        assert list(order) == [("intro", 0), ("question", 1), ("intro-2", 2), ("outro", 3)]

    def test_a_new_narrative_needs_no_slug(self, admin_client, journey):
        form = {
            "journey": journey.pk,
            "title": "More of it",
            "kind": "question",
            "text": "And then?",
            "slug": "",
        }
        assert admin_client.post(reverse("admin:narratives_narrative_add"), form).status_code == 302
        assert journey.narratives.get(slug="more-of-it").position == 2

    @pytest.mark.parametrize("field", ["title", "text"])
    def test_a_text_without_visible_or_speakable_characters_is_refused(self, admin_client, question, field):
        page = admin_client.post(admin_address(question), narrative_form(question, **{field: "\u200b ?"}))
        assert "Write at least one letter or digit." in page.content.decode()

    def test_a_row_without_words_is_refused_and_keeps_the_page(self, admin_client, journey):
        response = admin_client.post(
            admin_address(journey), journey_form(journey, **{"narratives-1-text": ""})
        )
        assert response.status_code == 200
        assert b"This field is required." in response.content

    def test_a_saved_order_reaches_listeners_when_it_is_published(self, admin_client, journey):
        form = journey_form(journey, **{"narratives-0-position": 1, "narratives-1-position": 0})
        page = admin_client.post(admin_address(journey), form | {"_continue": "1"}, follow=True)
        assert "Draft with changes" in badges(page)
        assert "Not published yet: 1 text moves." in page.content.decode()
        assert [title for title, _ in heard(admin_client)] == ["Intro", "Question", "Outro"]
        admin_client.post(admin_address(journey, "publish_changes"), YES)
        assert [title for title, _ in heard(admin_client)] == ["Question", "Intro", "Outro"]


class TestDefaultJourney:
    @pytest.fixture
    def other(self, journey: Journey) -> Journey:
        return Journey.objects.create(slug="other", title="Other", is_live=True)

    def test_ticking_default_asks_whether_to_replace_the_present_one(self, admin_client, journey, other):
        page = admin_client.post(admin_address(other), journey_form(other, is_default="on"))
        assert "Make this the default instead?" in page.content.decode()
        assert Journey.objects.get(is_default=True) == journey

    def test_a_press_makes_another_journey_the_default(self, admin_client, admin_user, journey, other):
        address = admin_address(other, "make_default")
        assert address in admin_client.get(admin_address(other)).content.decode()
        assert "Make this the default instead?" in admin_client.get(address).content.decode()
        admin_client.post(address, YES)
        assert Journey.objects.get(is_default=True) == other
        assert [each.get_change_message() for each in admin_user.logentry_set.order_by("pk")] == [
            "“Other” is the default now, instead of “Ours”.",
            "“Other” is the default now, instead of “Ours”.",
        ]

    def test_the_default_journey_is_not_offered_as_a_new_default(self, admin_client, journey):
        assert (
            admin_address(journey, "make_default")
            not in admin_client.get(admin_address(journey)).content.decode()
        )

    def test_staff_who_may_not_publish_cannot_change_the_default(self, journey, other):
        client = staff_with("view_journey", "change_journey")
        address = admin_address(other, "make_default")
        assert address not in client.get(admin_address(other)).content.decode()
        assert client.post(address, YES).status_code == 403
        client.post(admin_address(other), journey_form(other, is_default="on"))
        assert Journey.objects.get(is_default=True) == journey


class TestViewers:
    @pytest.fixture
    def client(self, journey: Journey) -> Client:
        return staff_with("view_journey", "view_narrative")

    def test_viewers_can_read_and_hear_a_journey(self, client, journey, question):
        make_clips(question.text)
        page = client.get(admin_address(journey)).content.decode()
        assert question.text in page
        assert page.count("<audio") == 2

    def test_viewers_see_no_fields_and_no_buttons(self, client, journey, question):
        for address in (admin_address(journey), admin_address(question), NARRATIVES):
            page = client.get(address).content.decode()
            assert "<textarea" not in page
            for word in ("Publish changes", "Make missing clips", "Save", "publish_chosen", "data-move="):
                assert word not in page

    def test_staff_who_may_not_change_texts_cannot_publish(self, client, journey, question):
        User.objects.get().user_permissions.add(Permission.objects.get(codename="change_journey"))
        page = client.get(admin_address(journey)).content.decode()
        assert ("Save draft" in page, "Save and publish" in page) == (True, False)
        edit(question, "Where did it all begin?")
        client.post(admin_address(journey), journey_form(journey, _publish="1"))
        assert heard(client)[1] == ("Question", "Where did it begin?")

    def test_actions_of_viewers_are_refused(self, client, journey, question):
        edit(question, "Where did it all begin?")
        for address in (admin_address(journey, "publish_changes"), admin_address(journey, "make_missing")):
            assert client.post(address, {"confirmed": "yes"}).status_code == 403
        assert client.post(admin_address(journey), journey_form(journey)).status_code == 403
        client.post(NARRATIVES, {"action": "publish_chosen", "_selected_action": question.pk})
        assert heard(client)[1] == ("Question", "Where did it begin?")


@pytest.mark.parametrize("chosen", ["abc", "\x00", "9" * 30], ids=["a word", "nul", "a long number"])
@pytest.mark.parametrize("of", ["narrative", "journey", "bankreflection"])
def test_an_action_that_a_list_does_not_offer_is_refused(admin_client, of, chosen):
    address = reverse(f"admin:narratives_{of}_changelist")
    chosen_there = {"action": "delete_selected", "_selected_action": chosen}
    assert admin_client.post(address, chosen_there).status_code == 400


def test_a_title_is_never_rendered_as_markup(admin_client, journey, question):
    question.title = journey.title = "<script>alert('x')</script>"
    journey.save()
    edit(question, "<img src=x onerror=alert(1)>")
    make_clips(question.text)
    addresses = [
        admin_address(journey),
        admin_address(question),
        NARRATIVES,
        admin_address(journey, "publish_changes"),
    ]
    pages = [admin_client.get(address).content.decode() for address in addresses]
    published = admin_client.post(
        admin_address(journey, "publish_changes"), {"confirmed": "yes"}, follow=True
    )
    for page in (*pages, published.content.decode()):
        assert "<script>alert" not in page
        assert "<img src=x" not in page


class TestFewQueries:
    @pytest.fixture(autouse=True)
    def _content(self) -> None:
        load_default_content()

    @pytest.mark.parametrize("address", [JOURNEYS, NARRATIVES])
    def test_lists_of_journeys_and_texts_take_few_queries(
        self, admin_client, django_assert_max_num_queries, address
    ):
        with django_assert_max_num_queries(23):
            admin_client.get(address)

    def test_the_page_of_a_journey_with_many_texts_takes_few_queries(
        self, admin_client, django_assert_max_num_queries
    ):
        with django_assert_max_num_queries(25):
            page = admin_client.get(admin_address(Journey.objects.get()))
        assert len(badges(page)) == 1 + 34
