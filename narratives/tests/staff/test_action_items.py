"""The action items about texts under "Needs you", and adding reflections to the bank."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from harness.admin_pages import edit, fail
from harness.staff_pages import staff_with, text_of
from narratives import publishing
from narratives.models import BankReflection, Narrative
from narratives.staff.action_items import action_items_of_texts
from ttscache.models import Clip, DailyRequests, Usage, WarmItem, WarmRun
from ttscache.renditions.current import request_for

pytestmark = pytest.mark.django_db

INDEX = reverse("admin:index")
TEXTS = reverse("admin:narratives_narrative_changelist")
BANK = reverse("admin:narratives_bankreflection_add")
NEW = "Where did it all begin?"
HEARD = "It sounds as though those mornings were a quiet kind of home."


def said() -> list[str]:
    return [need.says for need in action_items_of_texts()]


def listed(client: Client, state: str) -> list[str]:
    page = client.get(TEXTS, {"state": state})
    return [str(narrative) for narrative in page.context["cl"].result_list]


class TestNeedsYou:
    def test_needs_you_is_empty_when_all_is_published_and_made(self, heard_journey):
        assert said() == []

    def test_needs_you_counts_and_lists_unpublished_changes(self, heard_question, admin_client):
        edit(heard_question, NEW)
        assert said() == ["1 text has unpublished changes"]
        assert listed(admin_client, "ahead") == ["Question"]

    def test_needs_you_counts_a_new_text_as_an_unpublished_change(self, heard_journey, admin_client):
        Narrative.objects.create(journey=heard_journey, slug="new", title="New", text="And then?")
        assert said() == ["1 text has unpublished changes"]
        assert listed(admin_client, "ahead") == ["New"]

    def test_needs_you_says_what_a_waiting_version_lacks_and_links_its_journey(self, heard_question):
        edit(heard_question, NEW)
        (publication,) = publishing.publish([heard_question])
        (need,) = action_items_of_texts()
        assert need.says == "Version 2 of “Ours” is waiting: 2 clips are missing"
        assert need.address == reverse("admin:narratives_journey_change", args=[publication.journey_id])
        assert not need.is_urgent

    def test_a_version_whose_clips_failed_is_urgent(self, heard_question):
        edit(heard_question, NEW)
        (publication,) = publishing.publish([heard_question])
        fail(publication)
        (need,) = action_items_of_texts()
        assert need.says.endswith("2 clips are missing, 2 could not be made")
        assert need.is_urgent

    def test_needs_you_counts_and_lists_drafts_whose_clips_failed(self, heard_question, admin_client):
        edit(heard_question, NEW)
        clip = Clip.objects.record(heard_question.draft_speech("onyx"), "question")
        run = WarmRun.objects.create(scope="chosen texts", state="failed")
        WarmItem.objects.create(run=run, clip=clip, position=0, characters=23, state="failed")
        assert said()[0] == "1 text has a clip that could not be made"
        assert listed(admin_client, "failed") == ["Question"]

    def test_the_dashboard_links_the_items_of_needs_you(self, heard_question, admin_client):
        edit(heard_question, NEW)
        page = admin_client.get(INDEX).content.decode()
        assert f'href="{TEXTS}?state=ahead">1 text has unpublished changes' in page


def heard(text: str = HEARD, **fields: Any) -> Clip:
    """Return a reflection that the dashboard lists, unless it is private."""
    clip = Clip.objects.record(request_for(text, "nova"), "analysis")
    Clip.objects.filter(pk=clip.pk).update(**{"is_shareable": True, **fields})
    DailyRequests.objects.create(content_hash=clip.content_hash, day=timezone.now().date(), requests=5)
    Usage.objects.create(
        hour=timezone.now(), content_type="analysis", voice="nova", outcome="memory", latency_bucket=1
    )
    return clip


def address_for(clip: Clip) -> str:
    return f"{BANK}?clip={clip.pk}"


class TestAddingToTheBank:
    def test_the_dashboard_leads_to_a_form_by_the_clip_and_not_by_its_words(self, admin_client):
        clip = heard()
        page = admin_client.get(INDEX).content.decode()
        assert f'href="{address_for(clip)}">Add to bank…' in page

    def test_the_form_has_the_words_for_somebody_to_edit_and_adds_nothing(self, admin_client):
        page = unescape(admin_client.get(address_for(heard())).content.decode())
        assert HEARD in page and "Edit it until it suits any answer" in page
        assert not BankReflection.objects.exists()

    def test_a_reflection_added_to_the_bank_is_logged_with_its_origin(self, admin_client):
        clip = heard()
        form = {
            "text": "That was a good morning. Thank you for it.",
            "theme": "general",
            "occasion": "any",
            "after_heavy": "never",
        }
        admin_client.post(address_for(clip), form)
        assert BankReflection.objects.get().text == form["text"]
        says = f"Added from the most heard reflections: clip {clip.pk}."
        assert LogEntry.objects.get().get_change_message() == says

    def test_reflections_in_the_bank_are_marked_and_not_offered_again(self, admin_client):
        clip = heard()
        reflection = BankReflection.objects.create(text=HEARD)
        publishing.sync_pins()
        page = text_of(admin_client.get(INDEX))
        assert "Add to bank…" not in page and "| bank |" in page
        answer = admin_client.get(address_for(clip))
        assert answer["Location"] == reverse("admin:narratives_bankreflection_change", args=[reflection.pk])

    @pytest.mark.parametrize("fields", [{"is_shareable": False}, {"content_type": "response"}])
    def test_the_form_never_shows_a_private_reflection(self, admin_client, fields):
        clip = heard(**{"is_shareable": False} | fields)
        assert HEARD not in unescape(admin_client.get(address_for(clip)).content.decode())

    @pytest.mark.parametrize(
        ("rights", "status"), [(["view_clip"], 403), (["add_bankreflection"], 200)], ids=["look", "add"]
    )
    def test_adding_to_the_bank_requires_permissions_to_add_and_to_see_clips(self, rights, status):
        answer = staff_with(*rights).get(address_for(heard()))
        assert answer.status_code == status
        assert HEARD not in unescape(answer.content.decode())
