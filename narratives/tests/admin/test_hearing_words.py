"""Staff hear a pronunciation before they save it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from playwright.sync_api import expect

from harness.staff_pages import made, staff_with
from narratives.editing.lexicon_changes import clip_of_word
from narratives.models import Pronunciation
from ttscache.models import Clip, ContentType, WarmItem, WarmRun

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

ADD = reverse("admin:narratives_pronunciation_add")
HEAR = reverse("admin:narratives_pronunciation_hear")
ENTRY = {"word": "Siobhan", "say_as": " Shivawn ", "voice": "", "note": ""}


def make_one(client: Client, voice: str = "onyx", **more: Any) -> Any:
    sent = {"say_as": "Shivawn", "voice": voice, "make": "1"}
    return client.post(HEAR, sent | more, follow=True)


def test_the_page_of_a_new_entry_offers_to_hear_it_without_saving(admin_client):
    page = admin_client.get(ADD).content.decode()
    assert f'formaction="{HEAR}" formtarget="_blank"' in page


def test_the_price_in_each_voice_is_shown_before_anything_is_made(admin_client, paid_voice):
    page = admin_client.post(HEAR, ENTRY, follow=True).content.decode()
    assert page.count("1 clip is missing: 7 characters, about $0.001.") == 2
    assert "Make it: nova" in page
    assert "Make it: onyx" in page
    assert not WarmRun.objects.exists()
    assert not Clip.objects.exists()
    assert not Pronunciation.objects.exists()


def test_the_voice_of_the_entry_alone_is_offered_where_it_has_one(admin_client, paid_voice):
    page = admin_client.post(HEAR, ENTRY | {"voice": "onyx"}, follow=True).content.decode()
    assert "Make it: nova" not in page
    assert "Make it: onyx" in page


def test_a_yes_to_the_price_makes_the_word_alone_as_a_narrative_and_is_logged(
    admin_client, admin_user, paid_voice
):
    page = make_one(admin_client, confirmed="yes", shown_usd="1").content.decode()
    clip = WarmItem.objects.get().clip
    assert (clip.content_text, clip.voice, clip.content_type) == ("Shivawn", "onyx", ContentType.NARRATIVE)
    assert WarmRun.objects.get().requested_by == admin_user.get_username()
    logged = LogEntry.objects.get()
    assert (logged.user, logged.object_repr) == (admin_user, "Shivawn")
    assert "Heard a pronunciation, onyx. 1 clip is being made" in logged.change_message
    assert "Being made" in page
    assert not Pronunciation.objects.exists()


@pytest.mark.parametrize("answer", [{}, {"confirmed": "yes", "shown_usd": "0"}])
def test_a_price_that_was_not_confirmed_is_asked_first(admin_client, paid_voice, answer):
    page = make_one(admin_client, **answer).content.decode()
    assert "1 clip is missing: 7 characters" in page
    assert not WarmRun.objects.exists()


def test_a_word_that_is_made_can_be_played_and_costs_nothing_more(admin_client, paid_voice):
    clip = made(Clip.objects.record(clip_of_word("Shivawn", "nova").speech, ContentType.NARRATIVE))
    page = admin_client.get(HEAR, {"say_as": "Shivawn", "voice": "nova"}).content.decode()
    assert f"/api/audio/{clip.content_hash}" in page
    assert "Make it" not in page


@pytest.mark.parametrize("say_as", ["", " ... ", "a" * 201, "a\0b"])
def test_a_spelling_that_cannot_be_said_is_not_made(admin_client, paid_voice, say_as):
    sent = {"say_as": say_as, "voice": "nova", "make": "1", "confirmed": "yes", "shown_usd": "1"}
    assert "Write how the word sounds first." in admin_client.post(HEAR, sent).content.decode()
    assert not WarmRun.objects.exists()


@pytest.mark.parametrize("rights", [("add_pronunciation", "view_pronunciation"), ("make_clip",)])
def test_only_staff_who_write_the_lexicon_and_may_make_clips_hear_a_word(paid_voice, rights):
    assert make_one(staff_with(*rights), confirmed="yes", shown_usd="1").status_code == 403
    assert not WarmRun.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_hear_it_opens_a_new_tab_with_the_price_and_keeps_what_was_typed(open_page, paid_voice):
    page = open_page(ADD)
    page.get_by_label("Word", exact=False).first.fill("Siobhan")
    page.get_by_label("Say as", exact=False).first.fill("Shivawn")
    with page.expect_popup() as opened:
        page.get_by_role("button", name="Hear it").click()
    expect(opened.value.get_by_text("1 clip is missing: 7 characters").first).to_be_visible()
    expect(page.get_by_label("Say as", exact=False).first).to_have_value("Shivawn")
