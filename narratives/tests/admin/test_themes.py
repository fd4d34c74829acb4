"""Staff choose the theme of a text or a reflection from a list."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from narratives.models import BankReflection, Journey, Narrative

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

ADD_REFLECTION = reverse("admin:narratives_bankreflection_add")
REFLECTION: dict[str, Any] = {
    "text": "It sounds as though that was a good day. Thank you for sharing it.",
    "occasion": "any",
    "after_heavy": "never",
}


def themes_offered(client: Client, address: str) -> list[str]:
    page = client.get(address).content.decode()
    field = re.search(r'<select[^>]*name="theme".*?</select>', page, re.DOTALL)
    assert field is not None
    return re.findall(r'<option value="([^"]*)"', field[0])


@pytest.fixture
def themed(journey: Journey) -> Narrative:
    """The question of a journey, whose theme is no slug."""
    question: Narrative = journey.narratives.get(kind="question")
    question.theme = "Home life"
    question.save(update_fields=["theme"])
    return question


def test_a_reflection_is_offered_the_themes_of_the_journeys_and_the_general_one(admin_client, themed):
    assert themes_offered(admin_client, ADD_REFLECTION) == ["general", "Home life"]


def test_a_reflection_takes_any_theme_that_a_journey_has(admin_client, themed):
    admin_client.post(ADD_REFLECTION, REFLECTION | {"theme": "Home life"})
    assert BankReflection.objects.get().theme == "Home life"


@pytest.mark.parametrize("typed", ["childhod", "", "two words"])
def test_a_reflection_with_a_theme_that_is_not_in_the_list_is_not_saved(admin_client, themed, typed):
    page = admin_client.post(ADD_REFLECTION, REFLECTION | {"theme": typed}).content.decode()
    assert "Choose a theme from the list." in page
    assert not BankReflection.objects.exists()


def test_a_reflection_keeps_the_theme_that_no_journey_has_any_more(admin_client, themed):
    reflection = BankReflection.objects.create(text=REFLECTION["text"], theme="childhood")
    address = reverse("admin:narratives_bankreflection_change", args=[reflection.pk])
    assert themes_offered(admin_client, address) == ["general", "Home life", "childhood"]
    changed = REFLECTION | {"theme": "childhood", "text": "Thank you for sharing it. That was a good day."}
    admin_client.post(address, changed)
    reflection.refresh_from_db()
    assert (reflection.theme, reflection.text) == ("childhood", changed["text"])


def test_a_text_chooses_one_of_the_themes_or_none(admin_client, themed):
    address = reverse("admin:narratives_narrative_change", args=[themed.pk])
    assert themes_offered(admin_client, address) == ["", "Home life"]
    form = {"title": "T", "kind": "question", "text": "Where?", "journey": themed.journey_id, "slug": "t"}
    page = admin_client.post(address, form | {"theme": "Hoem life", "stage": ""}).content.decode()
    assert "Choose a theme from the list." in page
    admin_client.post(address, form | {"theme": "", "stage": ""})
    themed.refresh_from_db()
    assert (themed.theme, themed.title) == ("", "T")
