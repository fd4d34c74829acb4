"""Staff publish changes: the confirmation before, the message after, and what listeners get meanwhile."""

from __future__ import annotations

import re

import pytest
from django_q.models import OrmQ

from harness.admin_pages import (
    NARRATIVES,
    admin_address,
    clip_badges,
    edit,
    heard,
    journey_form,
    make_clips,
    narrative_form,
    said,
)
from narratives.models import Journey
from ttscache.models import WarmRun

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


class TestPublishing:
    def test_publishing_asks_first(self, admin_client, journey, question):
        edit(question, "Where did it all begin?")
        page = admin_client.get(admin_address(journey, "publish_changes"))
        assert "Where did it all begin?" in page.content.decode()
        assert "2 clips are missing: 46 characters, free of charge." in page.content.decode()
        assert "Where did it begin?" in heard(admin_client)[1]

    def test_a_confirmed_publication_is_made_while_listeners_keep_the_old_words(
        self, admin_client, journey, question, django_capture_on_commit_callbacks
    ):
        edit(question, "Where did it all begin?")
        make_clips("Where did it begin?")
        with django_capture_on_commit_callbacks(execute=True):
            page = admin_client.post(
                admin_address(journey, "publish_changes"), {"confirmed": "yes"}, follow=True
            )
        assert "Version 2: 1 text changes. 2 clips are being made" in said(page)
        assert heard(admin_client)[1] == ("Question", "Where did it begin?")
        assert clip_badges(admin_client, question) == ["Being made", "Being made"]
        assert OrmQ.objects.exists()

    def test_publishing_before_the_audio_shows_the_new_words_at_once(self, admin_client, journey, question):
        edit(question, "Where did it all begin?")
        page = admin_client.get(admin_address(journey, "publish_changes")).content.decode()
        assert "waits about 2 s" in page
        admin_client.post(admin_address(journey, "publish_changes"), {"confirmed": "yes", "at_once": "1"})
        assert heard(admin_client)[1] == ("Question", "Where did it all begin?")

    def test_publishing_without_changes_says_so(self, admin_client, journey):
        page = admin_client.get(admin_address(journey, "publish_changes"), follow=True)
        assert "Nothing to publish" in said(page)

    def test_saving_and_publishing_work_in_one_step(self, admin_client, journey):
        form = journey_form(journey, **{"narratives-1-text": "Where did it all begin?", "_publish": "1"})
        page = admin_client.post(admin_address(journey), form, follow=True)
        assert "Version 2: 1 text changes." in said(page)
        assert journey.waiting.revisions.get().text == "Where did it all begin?"

    def test_saving_and_publishing_one_text_works_in_one_step(self, admin_client, journey, question):
        form = narrative_form(question, text="Where did it all begin?", _publish="1")
        admin_client.post(admin_address(question), form)
        assert journey.waiting.revisions.get().text == "Where did it all begin?"

    def test_a_publication_at_a_cost_is_saved_then_confirmed_then_published(
        self, admin_client, journey, question, paid_voice
    ):
        form = narrative_form(question, text="Where did it all begin?", _publish="1")
        page = admin_client.post(admin_address(question), form)
        assert "2 clips are missing: 46 characters, about $0.001." in page.content.decode()
        assert (journey.narratives.get(kind="question").text, journey.waiting) == (form["text"], None)
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="(\w+)"', page.content.decode()))
        admin_client.post(page.context["action"], hidden)
        assert journey.waiting.revisions.get().text == form["text"]

    def test_the_list_action_publishes_the_chosen_texts_and_shows_the_price(
        self, admin_client, journey, question, paid_voice
    ):
        edit(question, "Where did it all begin?")
        chosen = {"action": "publish_chosen", "_selected_action": question.pk}
        asked = admin_client.post(NARRATIVES, chosen)
        assert "46 characters, about $0.001." in asked.content.decode()
        assert question.revisions.count() == 1
        page = admin_client.post(NARRATIVES, chosen | {"confirmed": "yes"}, follow=True)
        assert "46 characters, about $0.001." in said(page)
        assert question.revisions.count() == 2

    def test_a_publication_is_logged_with_author_and_price(self, admin_client, admin_user, question):
        edit(question, "Where did it all begin?")
        admin_client.post(NARRATIVES, {"action": "publish_chosen", "_selected_action": question.pk})
        noted = admin_user.logentry_set.get().get_change_message()
        assert "Version 2: 1 text changes. 2 clips are being made: 46 characters, free of charge." in noted

    def test_a_journey_that_is_not_live_has_nothing_made(self, admin_client, journey, question):
        Journey.objects.update(is_live=False)
        edit(question, "Where did it all begin?")
        chosen = {"action": "publish_chosen", "_selected_action": question.pk}
        assert "when the journey goes live" in said(admin_client.post(NARRATIVES, chosen, follow=True))
        assert not WarmRun.objects.exists()

    def test_going_live_queues_the_clips(self, admin_client, journey):
        Journey.objects.update(is_live=False)
        page = admin_client.post(admin_address(journey), journey_form(journey), follow=True)
        assert "6 clips are being made" in said(page)
        assert WarmRun.objects.count() == 2

    def test_a_published_text_stays_in_its_journey(self, admin_client, journey, question):
        other = Journey.objects.create(slug="other", title="Other", is_live=True)
        page = admin_client.post(admin_address(question), narrative_form(question, journey=other.pk))
        assert "Duplicate it and move the copy." in page.content.decode()
        question.refresh_from_db()
        assert question.journey == journey
