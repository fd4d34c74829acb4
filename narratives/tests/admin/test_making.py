"""The button "Save and make" shows the price while staff write, and never costs more than shown."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from harness.admin_pages import (
    NARRATIVES,
    admin_address,
    clip_badges,
    edit,
    journey_form,
    make_clips,
    narrative_form,
    said,
)
from harness.staff_pages import staff_with
from narratives.editing.drafts import make_drafts
from narratives.models import Journey, Narrative, Pronunciation
from ttscache.models import Clip, WarmItem, WarmRun
from ttscache.renditions.current import request_for

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
NEW = "Where did it all begin?"
PRICE_USD = 2 * len(NEW) * 30 / 1e6

JOURNEY_PRICE = reverse("admin:narratives_journey_price")
NARRATIVE_PRICE = reverse("admin:narratives_narrative_price")


@pytest.fixture
def changed(heard_journey: Journey) -> dict[str, Any]:
    """The form of the journey page with new words in the question."""
    return journey_form(heard_journey, **{"narratives-1-text": NEW})


def to_be_made() -> int:
    return WarmItem.objects.filter(state="queued").count()


class TestPrice:
    def test_the_price_of_a_journey_covers_clips_missing_after_saving(
        self, admin_client, changed, paid_voice
    ):
        told = admin_client.post(JOURNEY_PRICE, changed).json()
        assert told["says"] == "Save and make audio: 6 clips, 82 chars, about $0.002, ~4 s", (
            "a voice that has made none"
        )
        make_clips("Welcome.")
        make_clips("Thank you.")
        told = admin_client.post(JOURNEY_PRICE, changed).json()
        assert told["says"] == f"Save and make audio: 2 clips, {2 * len(NEW)} chars, about $0.001, ~2 s"
        assert told["usd"] == pytest.approx(PRICE_USD)

    def test_the_price_of_words_with_clips_is_zero(self, admin_client, heard_journey):
        told = admin_client.post(JOURNEY_PRICE, journey_form(heard_journey)).json()
        assert told == {"says": "Save (all audio is ready)", "usd": 0}

    def test_the_price_of_a_text_is_that_of_its_spoken_form(self, admin_client, heard_question):
        Pronunciation.objects.create(word="all", say_as="ahhhll")
        told = admin_client.post(NARRATIVE_PRICE, narrative_form(heard_question, text=f" {NEW} ")).json()
        assert (
            told["says"] == f"Save and make audio: 2 clips, {2 * (len(NEW) + 3)} chars, free of charge, ~2 s"
        )

    def test_the_price_leaves_out_texts_marked_for_deletion(self, admin_client, changed):
        told = admin_client.post(JOURNEY_PRICE, changed | {"narratives-1-DELETE": "on"}).json()
        assert told["says"] == "Save (all audio is ready)"

    def test_asking_for_a_price_stores_nothing(self, admin_client, changed, heard_journey):
        clips = Clip.objects.count()
        admin_client.post(JOURNEY_PRICE, changed)
        assert (Clip.objects.count(), to_be_made()) == (clips, 0)
        assert not heard_journey.narratives.filter(text=NEW).exists()


class TestSaveAndMake:
    def press(self, client: Client, thing: Journey | Narrative, form: dict[str, Any]) -> Any:
        return client.post(admin_address(thing), form | {"_make": "1"}, follow=True)

    def test_save_and_make_saves_the_draft_queues_its_clips_and_stays(
        self, admin_client, heard_journey, changed
    ):
        page = self.press(admin_client, heard_journey, changed)
        assert page.redirect_chain[-1][0] == admin_address(heard_journey)
        assert f"2 clips are being made: {2 * len(NEW)} characters, free of charge." in said(page)
        assert (heard_journey.narratives.get(kind="question").text, to_be_made()) == (NEW, 2)
        assert heard_journey.waiting is None, "nothing is published by it"

    def test_save_and_make_is_logged_with_count_and_price(
        self, admin_client, admin_user, heard_question, paid_voice
    ):
        form = narrative_form(heard_question, text=NEW, shown_usd=PRICE_USD)
        self.press(admin_client, heard_question, form)
        noted = [entry.get_change_message() for entry in admin_user.logentry_set.all()]
        assert "Made audio. 2 clips are being made: 46 characters, about $0.001." in noted

    def test_save_and_make_at_the_shown_price_asks_nothing(self, admin_client, heard_question, paid_voice):
        form = narrative_form(heard_question, text=NEW, shown_usd=PRICE_USD)
        assert "2 clips are being made" in said(self.press(admin_client, heard_question, form))

    @pytest.mark.parametrize("shown", ["", "0.0001", "much"], ids=["not shown", "less shown", "nonsense"])
    def test_save_and_make_at_another_price_asks_first(self, admin_client, heard_question, paid_voice, shown):
        page = self.press(
            admin_client, heard_question, narrative_form(heard_question, text=NEW, shown_usd=shown)
        )
        assert "2 clips are missing: 46 characters, about $0.001." in page.content.decode()
        heard_question.refresh_from_db()
        assert (heard_question.text, to_be_made()) == (NEW, 0)

    def test_save_and_make_above_the_limit_asks_and_proceeds_after_confirmation(
        self, admin_client, heard_journey, changed, paid_voice, settings
    ):
        settings.TTSCACHE = {**settings.TTSCACHE, "ask_above_usd": 0.002}
        page = self.press(admin_client, heard_journey, changed | {"shown_usd": 1})
        assert "6 clips are missing: 82 characters, about $0.002." in page.content.decode()
        assert to_be_made() == 0
        page = admin_client.post(page.context["action"], {"confirmed": "yes"}, follow=True)
        assert "6 clips are being made" in said(page)
        assert (page.redirect_chain[-1][0], to_be_made()) == (admin_address(heard_journey), 6)

    def test_save_and_make_without_missing_clips_saves_and_says_so(self, admin_client, heard_journey):
        page = self.press(admin_client, heard_journey, journey_form(heard_journey, title="Ours, too"))
        assert "All clips are ready" in said(page)
        assert (Journey.objects.get().title, WarmRun.objects.count()) == ("Ours, too", 0)

    def test_save_and_make_makes_the_clips_of_a_new_text(self, admin_client, heard_journey):
        form = {"journey": heard_journey.pk, "title": "New", "kind": "question", "text": NEW, "_make": "1"}
        admin_client.post(reverse("admin:narratives_narrative_add"), form)
        assert (heard_journey.narratives.get(title="New").text, to_be_made()) == (NEW, 2)

    def test_save_and_make_makes_nothing_when_a_text_is_refused(self, admin_client, heard_journey, changed):
        page = self.press(admin_client, heard_journey, changed | {"narratives-1-text": ""})
        assert "This field is required." in page.content.decode()
        assert to_be_made() == 0


class TestStaffWhoMayNotMake:
    @pytest.fixture
    def client(self, heard_journey: Journey) -> Client:
        return staff_with("view_journey", "view_narrative", "change_journey", "change_narrative")

    def test_staff_who_may_not_make_see_no_button_and_no_price(
        self, client, heard_journey, heard_question, changed
    ):
        for thing in (heard_journey, heard_question):
            assert "Save and make audio" not in client.get(admin_address(thing)).content.decode()
        assert client.post(JOURNEY_PRICE, changed).status_code == 403

    def test_staff_who_may_not_make_save_the_words_alone(self, client, heard_journey, changed):
        client.post(admin_address(heard_journey), changed | {"_make": "1"})
        assert (heard_journey.narratives.get(kind="question").text, to_be_made()) == (NEW, 0)

    def test_staff_who_may_not_make_cannot_make_by_a_forged_request(self, client, heard_journey):
        address = reverse("admin:narratives_journey_make_drafts", args=[heard_journey.pk])
        assert client.post(address, {"confirmed": "yes"}).status_code == 403


class TestJourneyStatus:
    def test_a_live_journey_shows_its_version_and_readiness(self, admin_client, heard_journey):
        page = admin_client.get(admin_address(heard_journey)).content.decode()
        assert "live: v1" in page
        assert "Save and publish v2" in page
        assert "6 of 6 clips up to date" in page

    def test_a_changed_draft_lowers_the_readiness_of_its_journey(
        self, admin_client, heard_journey, heard_question
    ):
        heard_question.text = NEW
        heard_question.save()
        page = admin_client.get(admin_address(heard_journey)).content.decode()
        assert page.index("Draft with changes") < page.index("4 of 6 clips up to date")

    def test_clips_of_a_draft_are_ready_to_be_published_but_not_up_to_date(
        self, admin_client, heard_journey, heard_question
    ):
        heard_question.text = NEW
        heard_question.save()
        make_drafts([heard_question])
        make_clips(NEW)
        assert "4 of 6 clips up to date" in admin_client.get(admin_address(heard_journey)).content.decode()


def test_publishing_at_a_cost_looks_up_its_clips_once(admin_client, changed, heard_journey, paid_voice):
    with CaptureQueriesContext(connection) as captured:
        asked = admin_client.post(admin_address(heard_journey), changed | {"_publish": "1"})
    assert "2 clips are missing" in asked.content.decode()
    new = request_for(NEW, "nova").content_hash
    looks = [each["sql"] for each in captured if '"tts_cache"."content_text"' in each["sql"]]
    assert len([sql for sql in looks if sql.startswith("SELECT") and new in sql]) == 1


class TestMakingClips:
    def test_making_clips_at_a_cost_asks_first(self, admin_client, question, paid_voice):
        chosen = {"action": "make_chosen", "_selected_action": question.pk}
        page = admin_client.post(NARRATIVES, chosen)
        assert "2 clips are missing: 38 characters, about $0.001." in page.content.decode()
        assert not WarmRun.objects.exists()
        page = admin_client.post(NARRATIVES, chosen | {"confirmed": "yes"}, follow=True)
        assert "2 clips are being made" in said(page)
        assert clip_badges(admin_client, question) == ["Being made", "Being made"]

    def test_making_free_clips_asks_nothing(self, admin_client, question):
        page = admin_client.post(
            NARRATIVES, {"action": "make_chosen", "_selected_action": question.pk}, follow=True
        )
        assert "2 clips are being made: 38 characters, free of charge." in said(page)

    def test_making_clips_of_a_text_makes_its_draft(self, admin_client, journey, question):
        edit(question, "Where did it all begin?")
        assert b"8 clips are missing" in admin_client.get(admin_address(journey, "make_missing")).content
        admin_client.post(admin_address(journey, "make_missing"), {"confirmed": "yes"})
        assert clip_badges(admin_client, question) == ["Being made", "Being made"]
        assert WarmItem.objects.values("clip").distinct().count() == 8

    def test_making_clips_says_when_none_is_missing(self, admin_client, journey):
        for narrative in journey.narratives.all():
            make_clips(narrative.text)
        assert "All clips are ready" in said(
            admin_client.get(admin_address(journey, "make_missing"), follow=True)
        )

    def test_opening_the_making_page_makes_nothing(self, admin_client, journey):
        admin_client.get(admin_address(journey, "make_missing"))
        assert not WarmRun.objects.exists()
