"""Staff make a journey live, so that listeners can take it."""

from __future__ import annotations

import pytest
from django.urls import reverse

from harness.admin_pages import YES, admin_address, journey_form, said
from narratives.models import Journey
from ttscache.models import Clip, Pin, WarmItem, WarmRun

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


@pytest.fixture
def silent(heard_journey: Journey) -> Journey:
    """A published journey that is not live and has no audio."""
    Journey.objects.update(is_live=False)
    Clip.objects.update(stored_at=None)
    heard_journey.refresh_from_db()
    return heard_journey


def go_live(journey: Journey) -> str:
    return reverse("admin:narratives_journey_go_live", args=[journey.pk])


class TestGoingLiveAtACost:
    def test_going_live_at_a_cost_asks_first_and_saves_the_rest(self, admin_client, silent, paid_voice):
        form = journey_form(silent, title="A new title")
        page = admin_client.post(admin_address(silent), form).content.decode()
        assert "6 clips are missing: 74 characters, about $0.002." in page
        silent.refresh_from_db()
        assert (silent.title, silent.is_live) == ("A new title", False)
        assert not WarmRun.objects.exists()

    def test_going_live_after_confirmation_makes_the_clips_and_is_logged(
        self, admin_client, admin_user, silent, paid_voice
    ):
        admin_client.post(go_live(silent), YES)
        assert (Journey.objects.get().is_live, WarmItem.objects.count()) == (True, 6)
        assert Pin.objects.filter(reason=Pin.Reason.LIVE).count() == 6
        assert "6 clips are being made" in admin_user.logentry_set.get().change_message

    def test_confirming_going_live_twice_changes_nothing(self, admin_client, admin_user, silent, paid_voice):
        admin_client.post(go_live(silent), YES)
        admin_client.post(go_live(silent), YES)
        assert admin_user.logentry_set.count() == 1


def test_a_journey_whose_clips_exist_goes_live_at_once(admin_client, silent):
    page = admin_client.post(admin_address(silent), journey_form(silent), follow=True)
    assert "Listeners can use it now: 3 published texts. 6 clips are being made" in said(page)
    assert Journey.objects.get().is_live
