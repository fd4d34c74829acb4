"""The actions beside each badge (make now, try again, make again) are confirmed first, then logged."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from harness.admin_pages import NARRATIVES, admin_address, badges, make_clips, said
from harness.retirement_day import stand_before_shutdown
from harness.staff_pages import staff_with
from narratives import publishing
from narratives.models import Journey, Narrative
from ttscache.models import Clip, WarmItem, WarmRun

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
NEW = "Where did it all begin?"


def action_address(narrative: Narrative, action: str, voice: str = "nova") -> str:
    return reverse(f"admin:narratives_narrative_{action}", args=[narrative.pk, voice])


def offered_actions(page: Any) -> list[str]:
    """Return the actions on the page, by the names that a screen reader says."""
    return re.findall(r'class="sound-button[^>]*aria-label="([^"]+)"', page.content.decode())


def written(narrative: Narrative) -> Narrative:
    narrative.text = NEW
    narrative.save()
    return narrative


def log_of(user: Any) -> list[str]:
    return [entry.get_change_message() for entry in user.logentry_set.all()]


class TestOfferedActions:
    @pytest.mark.parametrize("page", ["journey", "narrative"])
    def test_a_clip_with_audio_offers_make_again(self, admin_client, heard_question, page):
        found = offered_actions(
            admin_client.get(admin_address(getattr(heard_question, page, heard_question)))
        )
        assert "Make again, nova, Question" in found
        assert "Make again, onyx, Question" in found

    def test_an_outdated_clip_offers_make_now(self, admin_client, heard_question):
        page = admin_client.get(admin_address(written(heard_question)))
        assert offered_actions(page) == ["Make now, nova, Question", "Make now, onyx, Question"]

    def test_a_failed_clip_offers_try_again(self, admin_client, heard_question):
        run = publishing.warm_journey(written(heard_question).journey, "nova")
        clip = Clip.objects.record(heard_question.draft_speech("nova"), "question")
        WarmItem.objects.create(run=run, clip=clip, position=9, state="failed", reason="Busy.", characters=1)
        page = admin_client.get(admin_address(heard_question))
        assert offered_actions(page) == ["Try again, nova, Question", "Make now, onyx, Question"]
        assert (
            '<span class="narrative-reason">Busy. Listeners still hear the old recording.<'
            in page.content.decode()
        )

    def test_a_clip_being_made_offers_no_action(self, admin_client, heard_question):
        admin_client.post(action_address(written(heard_question), "make"), {"confirmed": "yes"})
        assert offered_actions(admin_client.get(admin_address(heard_question))) == [
            "Make now, onyx, Question"
        ]

    def test_a_clip_of_a_retired_model_offers_no_action(
        self, admin_client, heard_question, paid_voice, monkeypatch
    ):
        make_clips(heard_question.text)
        stand_before_shutdown(1, monkeypatch)
        assert "Make again, nova, Question" in offered_actions(
            admin_client.get(admin_address(heard_question))
        )
        stand_before_shutdown(0, monkeypatch)
        page = admin_client.get(admin_address(heard_question))
        assert offered_actions(page) == []
        assert "cannot be made again: its voice model has been switched off" in page.content.decode()

    def test_clips_in_a_list_offer_no_action(self, admin_client, heard_journey):
        assert offered_actions(admin_client.get(NARRATIVES)) == []


class TestMakingNow:
    def test_making_now_asks_with_count_characters_and_price(self, admin_client, heard_question, paid_voice):
        page = admin_client.get(action_address(written(heard_question), "make")).content.decode()
        assert "1 clip is missing: 23 characters, about $0.001." in page
        assert not WarmRun.objects.exists()

    def test_making_now_makes_one_clip_and_is_logged(self, admin_client, admin_user, heard_question):
        page = admin_client.post(
            action_address(written(heard_question), "make"), {"confirmed": "yes"}, follow=True
        )
        assert badges(page)[:2] == ["Being made", "Out of date"]
        assert WarmItem.objects.get().clip.voice == "nova"
        assert log_of(admin_user) == ["Made in nova. 1 clip is being made: 23 characters, free of charge."]

    def test_making_now_from_a_journey_returns_to_its_place(self, admin_client, heard_question):
        address = f"{action_address(written(heard_question), 'make')}?from=journey"
        assert address in admin_client.get(admin_address(heard_question.journey)).content.decode()
        answer = admin_client.post(address, {"confirmed": "yes"})
        assert answer["Location"] == f"{admin_address(heard_question.journey)}#clips-{heard_question.pk}"

    def test_making_now_skips_a_clip_that_exists_by_then(self, admin_client, heard_question):
        page = admin_client.get(action_address(heard_question, "make"), follow=True)
        assert "All clips are ready" in said(page)

    def test_making_now_in_an_unknown_voice_is_404(self, admin_client, heard_question):
        assert admin_client.get(action_address(heard_question, "make", "nobody")).status_code == 404


class TestMakingAgain:
    def test_making_again_always_asks_with_count_characters_and_price(self, admin_client, heard_question):
        page = admin_client.get(action_address(heard_question, "make_again")).content.decode()
        assert "1 clip is made again: 19 characters, free of charge." in page
        assert "The old clip plays" in page
        assert not WarmRun.objects.exists()

    def test_making_again_keeps_the_old_clip_until_the_new_one_is_made(
        self, admin_client, admin_user, heard_question
    ):
        page = admin_client.post(
            action_address(heard_question, "make_again"), {"confirmed": "yes"}, follow=True
        )
        assert badges(page)[:3] == ["Up to date", "Being made again", "Up to date"]
        assert page.content.decode().count("<audio") == 2
        assert offered_actions(page) == ["Make again, onyx, Question"]
        says = "Made again in nova. 1 clip is being made again: 19 characters, free of charge."
        assert log_of(admin_user) == [says]

    def test_pressing_make_again_twice_pays_once(self, admin_client, heard_question):
        for _ in range(2):
            page = admin_client.post(
                action_address(heard_question, "make_again"), {"confirmed": "yes"}, follow=True
            )
        assert "already being made" in said(page)
        assert WarmItem.objects.count() == 1

    def test_a_failed_remake_is_shown_beside_the_old_clip(self, admin_client, heard_question):
        admin_client.post(action_address(heard_question, "make_again"), {"confirmed": "yes"})
        WarmItem.objects.update(state="failed", reason="The voice service was busy.")
        page = admin_client.get(admin_address(heard_question))
        assert badges(page)[:3] == ["Up to date", "Not made again", "Up to date"]
        assert "The voice service was busy. The old clip still plays." in page.content.decode()
        assert offered_actions(page) == ["Make again, nova, Question", "Make again, onyx, Question"]

    def test_a_finished_remake_leaves_no_message(self, admin_client, heard_question):
        admin_client.post(action_address(heard_question, "make_again"), {"confirmed": "yes"})
        WarmItem.objects.update(state="done")
        Clip.objects.update(stored_at=timezone.now())
        assert badges(admin_client.get(admin_address(heard_question)))[:2] == ["Up to date", "Up to date"]

    def test_a_whole_journey_can_be_made_again(self, admin_client, admin_user, heard_journey):
        address = admin_address(heard_journey, "make_all_again")
        assert f'href="{address}"' in admin_client.get(admin_address(heard_journey)).content.decode()
        assert "6 clips are made again: 74 characters" in admin_client.get(address).content.decode()
        page = admin_client.post(address, {"confirmed": "yes"}, follow=True)
        assert badges(page).count("Being made again") == WarmItem.objects.count() == 6
        assert "Made all again. 6 clips are being made again: 74 characters" in log_of(admin_user)[0]

    def test_making_a_journey_again_leaves_out_clips_without_audio(self, admin_client, heard_question):
        written(heard_question)
        page = admin_client.get(admin_address(heard_question.journey, "make_all_again")).content.decode()
        assert "6 clips are made again: 74 characters" in page, "with the old words, which listeners have"

    def test_chosen_texts_can_be_made_again(self, admin_client, admin_user, heard_question):
        chosen = {"action": "make_chosen_again", "_selected_action": heard_question.pk}
        assert (
            "2 clips are made again: 38 characters" in admin_client.post(NARRATIVES, chosen).content.decode()
        )
        page = admin_client.post(NARRATIVES, chosen | {"confirmed": "yes"}, follow=True)
        assert "2 clips are being made again" in said(page)
        assert log_of(admin_user) == [
            "Made again. 2 clips are being made again: 38 characters, free of charge."
        ]

    def test_making_again_says_when_no_clip_has_audio(self, admin_client, heard_question):
        chosen = {"action": "make_chosen_again", "_selected_action": written(heard_question).pk}
        assert "Nothing can be made again" in said(admin_client.post(NARRATIVES, chosen, follow=True))

    def test_a_draft_that_is_ready_can_be_made_again_before_it_is_published(
        self, admin_client, heard_question
    ):
        written(heard_question)
        make_clips(NEW)
        assert badges(admin_client.get(admin_address(heard_question)))[0] == "Ready to publish"
        admin_client.post(action_address(heard_question, "make_again"), {"confirmed": "yes"})
        assert WarmItem.objects.get().clip.content_text == NEW


class TestStaffWhoMayNotMake:
    @pytest.fixture
    def client(self, heard_journey: Journey) -> Client:
        return staff_with("view_journey", "view_narrative")

    def test_staff_who_may_not_make_see_no_voice_buttons(self, client, heard_journey, heard_question):
        for thing in (heard_journey, heard_question):
            page = client.get(admin_address(thing))
            assert offered_actions(page) == []
            for words in ("Make missing clips", "Make all again"):
                assert words not in page.content.decode()

    def test_staff_who_may_not_make_are_refused_voice_actions(self, client, heard_journey, heard_question):
        addresses = [action_address(heard_question, "make"), action_address(heard_question, "make_again")]
        for address in (*addresses, admin_address(heard_journey, "make_all_again")):
            assert client.post(address, {"confirmed": "yes"}).status_code == 403
        client.post(NARRATIVES, {"action": "make_chosen_again", "_selected_action": heard_question.pk})
        assert not WarmRun.objects.exists()
