"""Whom listeners can call: on their page where it is set, and a notice to staff where it is not."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from narratives.help_lines import help_lines
from narratives.models import Journey

pytestmark = pytest.mark.django_db


def editor(client: Client, journey: Journey) -> str:
    return client.get(reverse("admin:narratives_journey_change", args=[journey.pk])).content.decode()


def test_the_editor_says_that_no_help_line_is_set(admin_client, heard_journey, settings):
    settings.HELP_LINE = ""
    assert "No help number is shown" in editor(admin_client, heard_journey)


def test_listeners_see_the_help_line(admin_client, heard_journey, settings):
    settings.HELP_LINE = "988 in the US"
    assert "<strong>988 in the US</strong>" in admin_client.get("/").content.decode()
    assert "No help number is shown" not in editor(admin_client, heard_journey)


def test_the_page_without_a_help_line_names_no_number_and_says_what_to_do(client, heard_journey, settings):
    settings.HELP_LINE = ""
    html = client.get("/").content.decode()
    assert "Tell someone near you, or call your local emergency number." in html
    assert "tel:" not in html
    assert "Call now" not in html


def test_the_safety_screen_shows_name_number_emergency_and_local_contact(client, heard_journey, settings):
    settings.HELP_LINE_NAME, settings.HELP_LINE_NUMBER = "Samaritans", "116 123"
    settings.EMERGENCY_NUMBER, settings.LOCAL_CONTACT = "+44 999", "The nurse"
    html = client.get("/").content.decode()
    safety = re.sub(r"\s+", " ", html[html.index('data-screen="safety"') :])
    assert 'Call Samaritans: <a class="call" href="tel:116123">116 123</a> (free, day and night).' in safety
    assert 'In danger or ill? Call <a class="call" href="tel:+44999">+44 999</a>.' in safety
    assert "<strong>The nurse</strong>" in safety
    assert 'href="tel:116123" data-call-now' in safety
    assert "local emergency number" not in safety


def test_an_emergency_number_alone_is_shown_and_leaves_the_warning(admin_client, heard_journey, settings):
    settings.EMERGENCY_NUMBER = "112"
    html = admin_client.get("/").content.decode()
    assert 'href="tel:112" data-call-now' in html
    assert "No help number is shown" in editor(admin_client, heard_journey)


def test_the_care_team_decides_whether_a_heavy_answer_shows_help_and_an_urgent_one_always_does(
    client, heard_journey, settings
):
    assert 'data-reply-help data-levels="urgent heavy"' in client.get("/").content.decode()
    settings.HELP_AFTER_HEAVY = False
    assert 'data-reply-help data-levels="urgent"' in client.get("/").content.decode()


def test_readyz_warns_where_nobody_can_be_called(client, settings):
    settings.HELP_LINE = settings.HELP_LINE_NUMBER = settings.LOCAL_CONTACT = ""
    assert "help line: WARNING, No help number is shown" in client.get("/readyz").content.decode()
    settings.LOCAL_CONTACT = "The nurse"
    assert "help line" not in client.get("/readyz").content.decode()


@pytest.mark.parametrize(
    ("setting", "dialled"),
    [
        ("116 123", "116123"),
        ("Lifeline 13 11 14, text 0477 13 11 14", "131114"),
        ("988 (call or text)", "988"),
        ("Text 741741 or call 988", "988"),
        ("call or text 988", "988"),
        ("0800 58 58 58 or 116 123", "0800585858"),
        ("24/7: 116 123", "116123"),
        ("116 123 (24 h)", "116123"),
        ("(020) 7946 0000 ext 12", "02079460000"),
        ("+44 (0)20 7946 0000", "+442079460000"),
        ("text 0477 13 11 14", ""),
        ("1-800-273-TALK (8255)", ""),
        ("Ring the bell of room 7", ""),
    ],
)
def test_the_number_that_is_dialled_is_one_that_answers_calls(settings, setting, dialled):
    settings.HELP_LINE_NUMBER = setting
    assert help_lines().number_to_dial == dialled


def test_a_number_that_cannot_be_dialled_is_shown_and_the_button_calls_the_emergency_number(
    client, heard_journey, settings
):
    settings.HELP_LINE_NUMBER, settings.EMERGENCY_NUMBER = "1-800-273-TALK", "911"
    html = client.get("/").content.decode()
    assert "<strong>1-800-273-TALK</strong> (free, day and night)." in html
    assert 'href="tel:"' not in html
    assert "<span>Call now <small>911</small></span>" in html
