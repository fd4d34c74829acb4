"""The preview plays the drafts of a journey."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from narratives.models import Journey, Narrative
from ttscache.models import WarmRun

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


def preview(client: Client, journey: Journey) -> str:
    answer = client.get(reverse("admin:narratives_journey_preview", args=[journey.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


def editor(client: Client, journey: Journey) -> str:
    return client.get(reverse("admin:narratives_journey_change", args=[journey.pk])).content.decode()


class TestPreview:
    def test_the_preview_has_the_drafts_in_their_order(self, admin_client, heard_journey):
        Narrative.objects.filter(slug="question").update(text="Anything else?")
        page = preview(admin_client, heard_journey)
        places = [page.index(words) for words in ("Welcome.", "Anything else?", "Thank you.")]
        assert places == sorted(places)
        assert "Question 1 of 1" in page

    def test_the_preview_shows_each_text_with_both_voices_and_their_badges(self, admin_client, heard_journey):
        Narrative.objects.filter(slug="question").update(text="Anything else?")
        page = preview(admin_client, heard_journey)
        players = re.findall(r'"Play in the voice (\w+), 0:07: Question"', page)
        assert players == ["nova", "onyx"]
        assert "Out of date" in page

    def test_the_preview_leaves_system_clips_out_of_the_whole_journey(self, admin_client, heard_journey):
        Narrative.objects.filter(slug="outro").update(kind="system")
        whole, helping = preview(admin_client, heard_journey).split("Short clips that help along the way")
        assert "Thank you." in helping
        assert "Thank you." not in whole

    def test_the_preview_makes_nothing_and_has_no_fields(self, admin_client, heard_journey):
        page = preview(admin_client, heard_journey)
        assert "<textarea" not in page
        assert not WarmRun.objects.exists()

    def test_the_editor_links_to_the_preview(self, admin_client, heard_journey):
        address = reverse("admin:narratives_journey_preview", args=[heard_journey.pk])
        assert address in editor(admin_client, heard_journey)
