"""The audio status of a text on its page and in lists."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from harness.admin_pages import (
    JOURNEYS,
    NARRATIVES,
    admin_address,
    badges,
    clip_badges,
    edit,
    make_clips,
    make_ready_clip,
)
from narratives import publishing
from narratives.editing import drafts
from narratives.models import Narrative, Pronunciation
from ttscache import warming
from ttscache.models import WarmRun

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


class TestAudioStatus:
    def test_a_text_without_clips_is_not_made(self, admin_client, question):
        assert clip_badges(admin_client, question) == ["Not made", "Not made"]

    def test_a_text_can_be_up_to_date_in_one_voice_only(self, admin_client, question):
        make_ready_clip(question.text, "onyx")
        assert clip_badges(admin_client, question) == ["Not made", "Up to date"]

    def test_an_outdated_text_plays_what_listeners_hear(self, admin_client, question):
        make_clips(question.text)
        live = question.live.speech("nova").content_hash
        edit(question, "Where did it all begin?")
        page = admin_client.get(admin_address(question))
        assert badges(page) == ["Out of date", "Out of date", "Draft with changes"]
        assert f"/api/audio/{live}.mp3?v=01234567" in page.content.decode()
        assert page.content.decode().count("text changed just now") == 2

    def test_an_outdated_text_says_since_when_or_names_the_lexicon(self, admin_client, question):
        make_clips(question.text)
        edit(question, "Where did it all begin?")
        Narrative.objects.update(edited_at=timezone.now() - timedelta(minutes=2))
        assert "text changed 2\xa0minutes ago" in admin_client.get(admin_address(question)).content.decode()
        edit(question, "Where did it begin?")
        Pronunciation.objects.create(word="begin", say_as="beginn")
        assert "the pronunciation has changed" in admin_client.get(admin_address(question)).content.decode()

    def test_a_draft_that_is_made_is_ready_to_publish_and_plays_itself(self, admin_client, question):
        edit(question, "Where did it all begin?")
        make_clips(question.text)
        page = admin_client.get(admin_address(question))
        assert badges(page)[:2] == ["Ready to publish", "Ready to publish"]
        assert question.draft_speech("nova").content_hash in page.content.decode()

    @pytest.mark.parametrize("state", ["queued", "making"])
    def test_a_text_whose_clips_are_queued_is_being_made(self, admin_client, question, state):
        run = publishing.warm_journey(question.journey, "nova")
        run.items.update(state=state)
        assert clip_badges(admin_client, question) == ["Being made", "Not made"]

    def test_a_text_whose_clips_are_held_up_says_why(self, admin_client, question):
        warming.pause(publishing.warm_journey(question.journey, "nova"), WarmRun.Pause.BUDGET)
        page = admin_client.get(admin_address(question))
        assert badges(page)[:2] == ["Held up", "Not made"]
        assert "budget is spent. This continues by itself" in page.content.decode()

    def test_a_text_whose_clip_failed_says_why(self, admin_client, question):
        run = publishing.warm_journey(question.journey, "nova")
        run.items.update(state="failed", reason="The voice service is not available just now.")
        page = admin_client.get(admin_address(question))
        assert badges(page)[0] == "Failed"
        assert "The voice service is not available just now." in page.content.decode()

    def test_a_failed_text_says_that_the_old_audio_plays(self, admin_client, question):
        make_clips(question.text)
        edit(question, "Where did it all begin?")
        drafts.make_clip(question, "nova")
        WarmRun.objects.get().items.update(state="failed", reason="The voice service was busy.")
        page = admin_client.get(admin_address(question))
        assert badges(page)[:2] == ["Failed", "Out of date"]
        assert "The voice service was busy. Listeners still hear the old recording." in page.content.decode()

    def test_a_text_that_was_never_published_is_not_made(self, admin_client, journey):
        new = Narrative.objects.create(journey=journey, slug="new", title="New", text="And then?")
        page = admin_client.get(admin_address(new))
        assert badges(page) == ["Not made", "Not made", "Not published"]

    def test_changing_a_title_leaves_the_audio_up_to_date(self, admin_client, question):
        make_clips(question.text)
        Narrative.objects.filter(pk=question.pk).update(title="Beginnings")
        page = admin_client.get(admin_address(question))
        assert badges(page) == ["Up to date", "Up to date", "Draft with changes"]

    def test_a_journey_and_its_lists_show_equal_badges(self, admin_client, journey, question):
        make_clips(question.text)
        page = admin_client.get(admin_address(journey))
        assert badges(page) == ["Live"] + ["Not made"] * 2 + ["Up to date"] * 2 + ["Not made"] * 2
        assert "2 of 6 clips up to date" in page.content.decode()
        assert badges(admin_client.get(NARRATIVES)).count("Up to date") == 2
        assert "2 of 6" in admin_client.get(JOURNEYS).content.decode()
