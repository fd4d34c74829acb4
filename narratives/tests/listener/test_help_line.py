"""Whom listeners can call: on their page where it is set, and a notice to staff where it is not."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from narratives.models import Journey

pytestmark = pytest.mark.django_db


def editor(client: Client, journey: Journey) -> str:
    return client.get(reverse("admin:narratives_journey_change", args=[journey.pk])).content.decode()


def test_the_editor_says_that_no_help_line_is_set(admin_client, heard_journey, settings):
    settings.HELP_LINE = ""
    assert "No help line is set" in editor(admin_client, heard_journey)


def test_listeners_see_the_help_line(admin_client, heard_journey, settings):
    settings.HELP_LINE = "988 in the US"
    assert "<strong>988 in the US</strong>" in admin_client.get("/").content.decode()
    assert "No help line is set" not in editor(admin_client, heard_journey)


def test_the_page_promises_no_help_line_when_none_is_set(client, heard_journey, settings):
    settings.HELP_LINE = ""
    assert "talk to someone" not in client.get("/").content.decode()
