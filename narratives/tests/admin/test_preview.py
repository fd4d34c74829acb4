"""A journey as its drafts would be heard."""

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
    def test_it_has_the_drafts_in_their_order(self, admin_client, heard_journey):
        Narrative.objects.filter(slug="question").update(text="Anything else?")
        page = preview(admin_client, heard_journey)
        places = [page.index(words) for words in ("Welcome.", "Anything else?", "Thank you.")]
        assert places == sorted(places)
        assert "Question 1 of 1" in page

    def test_each_text_has_both_voices_and_how_they_stand(self, admin_client, heard_journey):
        Narrative.objects.filter(slug="question").update(text="Anything else?")
        page = preview(admin_client, heard_journey)
        players = re.findall(r'"Play in the voice (\w+), 0:07: Question"', page)
        assert players == ["nova", "onyx"]
        assert "Out of date" in page

    def test_short_clips_are_no_part_of_the_whole(self, admin_client, heard_journey):
        Narrative.objects.filter(slug="outro").update(kind="system")
        whole, helping = preview(admin_client, heard_journey).split("Short clips that help along the way")
        assert "Thank you." in helping
        assert "Thank you." not in whole

    def test_nothing_is_made_and_nothing_can_be_typed(self, admin_client, heard_journey):
        page = preview(admin_client, heard_journey)
        assert "<textarea" not in page
        assert not WarmRun.objects.exists()

    def test_the_editor_leads_to_it(self, admin_client, heard_journey):
        address = reverse("admin:narratives_journey_preview", args=[heard_journey.pk])
        assert address in editor(admin_client, heard_journey)
