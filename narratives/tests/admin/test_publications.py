"""Staff see versions that wait for their audio, and act on them."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from harness.admin_pages import YES, admin_address, edit, fail, heard, make_clips, said
from harness.staff_pages import staff_with
from narratives import publishing, tasks
from narratives.editing.deleting import delete_journeys
from narratives.models import Journey, Publication
from narratives.staff.action_items import action_items_of_texts
from ttscache.models import WarmItem, WarmRun

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
NEW, OLD = "Where did it all begin?", "Where did it begin?"


def action_address(journey: Journey, name: str) -> str:
    return reverse("admin:narratives_journey_waiting", args=[journey.pk, name])


class TestWaitingVersions:
    def test_a_waiting_version_shows_how_much_of_its_audio_is_ready(
        self, admin_client, heard_journey, waiting
    ):
        page = admin_client.get(admin_address(heard_journey)).content.decode()
        assert "Version 2 goes live when its audio is ready." in page
        assert "0 of 2" in page
        assert "Requested by ben" in page

    def test_a_waiting_version_names_the_version_that_listeners_have(self, admin_client, heard_journey):
        page = admin_client.get(admin_address(heard_journey)).content.decode()
        assert re.search(r"live: v1, \d+ \w+ \d{4}, ana<", page)

    def test_a_waiting_version_says_why_a_clip_failed_and_retries_it(
        self, admin_client, heard_journey, waiting
    ):
        fail(waiting)
        page = admin_client.get(admin_address(heard_journey)).content.decode()
        assert page.count("The voice service was busy.") >= 2
        assert action_address(heard_journey, "make") in page
        asked = admin_client.get(action_address(heard_journey, "make")).content.decode()
        assert "2 clips are missing: 46 characters, free of charge." in asked
        admin_client.post(action_address(heard_journey, "make"), YES)
        assert WarmRun.objects.active().get(scope=waiting.scope).items.filter(state="queued").count() == 2

    def test_publishing_before_the_audio_shows_its_price_and_asks(self, admin_client, heard_journey, waiting):
        asked = admin_client.get(action_address(heard_journey, "anyway")).content.decode()
        assert "waits about 2 seconds" in asked
        assert heard(admin_client)[1] == ("Question", OLD)
        admin_client.post(action_address(heard_journey, "anyway"), YES)
        assert heard(admin_client)[1] == ("Question", NEW)

    def test_a_waiting_version_can_be_cancelled_and_stays_a_draft(self, admin_client, heard_journey, waiting):
        admin_client.post(action_address(heard_journey, "withdraw"), YES)
        make_clips(NEW)
        publishing.activate_ready_publications()
        assert heard(admin_client)[1] == ("Question", OLD)
        assert heard_journey.narratives.get(kind="question").text == NEW

    def test_every_action_on_a_waiting_version_is_logged(
        self, admin_client, admin_user, heard_journey, waiting
    ):
        admin_client.post(action_address(heard_journey, "anyway"), YES)
        noted = admin_user.logentry_set.get().get_change_message()
        assert noted == ("Listeners have version 2 now. 2 clips are missing: 46 characters, free of charge.")

    def test_an_action_on_a_version_that_no_longer_waits_says_so(self, admin_client, heard_journey):
        page = admin_client.post(action_address(heard_journey, "anyway"), YES, follow=True)
        assert "No version is waiting any more" in said(page)

    @pytest.mark.parametrize("name", ["make", "anyway", "withdraw"])
    def test_staff_who_may_not_publish_cannot_act_on_a_waiting_version(self, heard_journey, waiting, name):
        client = staff_with("view_journey", "change_journey", "view_narrative", "change_narrative")
        assert client.post(action_address(heard_journey, name), YES).status_code == 403
        assert (
            action_address(heard_journey, name)
            not in client.get(admin_address(heard_journey)).content.decode()
        )


class TestRestoredJourney:
    @pytest.fixture
    def undone(self, admin_client: Client, waiting: Publication, heard_journey: Journey) -> str:
        """The message that the page shows after a journey with a waiting version is deleted and restored."""
        delete_journeys([heard_journey])
        undelete = reverse("admin:narratives_journey_undelete")
        return said(admin_client.post(undelete, {"pk": heard_journey.pk}, follow=True))

    @pytest.fixture(autouse=True)
    def _paid(self, paid_voice: None) -> None:
        """Each clip costs money."""

    def test_a_restored_waiting_version_waits_again_and_pays_nothing_without_confirmation(
        self, heard_journey, undone
    ):
        tasks.warm_published()
        assert heard_journey.waiting.number == 2
        assert "2 clips are missing: 46 characters, about $0.001. Press “Resume”" in undone
        assert not WarmItem.objects.filter(run__state__in=["queued", "running"], state="queued").exists()

    def test_a_restored_waiting_version_continues_after_its_price_is_confirmed(
        self, admin_client, heard_journey, undone
    ):
        assert re.search(r">\s*Resume\s*<", admin_client.get(admin_address(heard_journey)).content.decode())
        asked = admin_client.get(action_address(heard_journey, "make")).content.decode()
        assert "46 characters, about $0.001" in asked
        admin_client.post(action_address(heard_journey, "make"), YES)
        assert WarmRun.objects.active().get().state == "queued"

    def test_publishing_a_restored_version_before_its_audio_counts_as_confirmation(
        self, admin_client, heard_journey, undone
    ):
        admin_client.post(action_address(heard_journey, "anyway"), YES)
        assert WarmRun.objects.active().get().state == "queued"

    def test_publishing_other_texts_includes_the_price_of_a_restored_version(
        self, admin_client, heard_journey, undone
    ):
        edit(heard_journey.narratives.get(kind="intro"), "Hello.")
        publish = reverse("admin:narratives_journey_publish_changes", args=[heard_journey.pk])
        assert "4 clips are missing: 58 characters" in admin_client.get(publish).content.decode()

    def test_needs_you_lists_a_restored_version_that_waits_for_confirmation(self, undone):
        assert "It is paused: press Resume" in next(action_items_of_texts()).says
