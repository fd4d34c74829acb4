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


@pytest.mark.parametrize(
    ("language", "direction"), [("he", "rtl"), ("ar", "rtl"), ("fa-IR", "rtl"), ("en", "ltr")]
)
class TestDirection:
    def marks(self, language: str, direction: str) -> list[str]:
        return [f'lang="{language}" dir="{direction}"', f'dir="{direction}" lang="{language}"']

    def test_the_preview_writes_title_and_text_in_the_direction_of_the_journey(
        self, admin_client, heard_journey, language, direction
    ):
        Journey.objects.update(language=language)
        page = preview(admin_client, heard_journey)
        mark = self.marks(language, direction)[0]
        assert page.count(f'<div class="preview-words" {mark}>') == page.count(f"<span {mark}>") == 3

    def test_the_editor_writes_each_row_in_the_direction_of_the_journey(
        self, admin_client, heard_journey, language, direction
    ):
        Journey.objects.update(language=language)
        page = editor(admin_client, heard_journey)
        fields = re.findall(
            r'<(?:input|textarea)[^>]*name="(?:narratives-\w+-(?:title|text)|title)"[^>]*>', page
        )
        assert len(fields) == 9  # three rows, a row to come, and the title of the journey
        assert all(any(mark in field for mark in self.marks(language, direction)) for field in fields)

    def test_the_page_of_a_text_writes_it_in_the_direction_of_its_journey(
        self, admin_client, heard_journey, language, direction
    ):
        Journey.objects.update(language=language)
        narrative = Narrative.objects.get(slug="question")
        Narrative.objects.filter(pk=narrative.pk).update(text="Otherwise?")
        page = admin_client.get(
            reverse("admin:narratives_narrative_change", args=[narrative.pk])
        ).content.decode()
        fields = re.findall(r'<(?:input|textarea)[^>]*name="(?:title|text)"[^>]*>', page)
        assert len(fields) == 2
        assert all(any(mark in field for mark in self.marks(language, direction)) for field in fields)
        assert f"<span {self.marks(language, direction)[0]}>" in page  # what listeners get now


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
