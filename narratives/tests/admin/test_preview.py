"""The preview plays the drafts of a journey."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from narratives.models import Journey, Narrative
from ttscache.models import Clip, WarmRun

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
        for narrative in heard_journey.narratives.all():
            assert f'<h2 id="title-{narrative.pk}" data-heading tabindex="-1" {mark}>' in page
        assert page.count(f'<div class="words" {mark}>') >= 3

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
        words = re.findall(r"<article .*?data-sentence[^>]*>([^<]*)<", page, re.DOTALL)
        assert words == ["Welcome.", "Anything else?", "Thank you."]
        assert "Question 1 of 1" in page

    def test_the_preview_is_the_page_of_listeners_with_a_banner(self, admin_client, heard_journey):
        ours = re.sub(r" {2}<aside.*?</aside>", "", preview(admin_client, heard_journey), flags=re.DOTALL)
        theirs = Client().get("/").content.decode()
        screens = [re.findall(r"data-screen=[^>]*>", page) for page in (ours, theirs)]
        assert screens[0] == screens[1]
        assert "narratives/journey.js" in ours
        assert "Previewing costs nothing." in preview(admin_client, heard_journey)
        assert "Previewing costs nothing." not in theirs

    def test_the_preview_plays_only_clips_that_exist(self, admin_client, heard_journey):
        Narrative.objects.filter(slug="question").update(text="Anything else?")
        answer = admin_client.get(reverse("admin:narratives_journey_preview", args=[heard_journey.pk]))
        addresses = [each["audio"]["url"] for each in answer.context["playlist"]["narratives"]]
        assert [address is None for address in addresses] == [False, True, False]
        assert answer.content.decode().count("No audio yet: nova, onyx") == 1
        assert "4 of 6 clips are ready" in answer.content.decode()

    def test_the_preview_has_the_drafts_in_another_voice_for_its_scripts(self, admin_client, heard_journey):
        Narrative.objects.filter(slug="question").update(text="Anything else?")
        page = reverse("admin:narratives_journey_preview", args=[heard_journey.pk])
        told = admin_client.get(f"{page}api/narratives?voice=onyx&journey=ours").json()
        assert (told["voice"], told["narratives"][1]["text"]) == ("onyx", "Anything else?")
        assert admin_client.get(f"{page}api/narratives?voice=nobody").status_code == 400

    def test_the_preview_puts_system_clips_where_listeners_hear_them(self, admin_client, heard_journey):
        Narrative.objects.filter(slug="outro").update(kind="system", slug="break")
        answer = admin_client.get(reverse("admin:narratives_journey_preview", args=[heard_journey.pk]))
        assert answer.context["playlist"]["system"]["break"]["text"] == "Thank you."
        assert len(answer.context["screens"]) == 2

    def test_the_preview_makes_nothing_and_is_kept_nowhere(self, admin_client, journey):
        before = Clip.objects.count()
        page = reverse("admin:narratives_journey_preview", args=[journey.pk])
        for address in (page, f"{page}api/narratives?voice=onyx"):
            assert "no-store" in admin_client.get(address)["Cache-Control"]
        assert not WarmRun.objects.exists()
        assert Clip.objects.count() == before

    def test_only_staff_who_may_see_journeys_get_the_preview(self, client, journey):
        page = reverse("admin:narratives_journey_preview", args=[journey.pk])
        client.force_login(User.objects.create(username="nobody", is_staff=True))
        assert client.get(f"{page}api/narratives").status_code == 403
        assert "Welcome." not in client.get(page, follow=True).content.decode()
        assert Client().get(page).status_code == 302

    def test_the_editor_links_to_the_preview(self, admin_client, heard_journey):
        address = reverse("admin:narratives_journey_preview", args=[heard_journey.pk])
        assert address in editor(admin_client, heard_journey)
