from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from harness.admin_pages import YES, admin_address, edit, heard, said
from harness.retirement_day import stand_before_shutdown
from narratives.models import Narrative, Pronunciation
from ttscache.models import WarmItem, WarmRun

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
ADD = reverse("admin:narratives_pronunciation_add")
ENTRY = {"word": "begin", "say_as": "beginn", "voice": "", "note": ""}


@pytest.fixture
def entry(heard_question: Narrative) -> Pronunciation:
    return Pronunciation.objects.create(word="begin", say_as="beginn")


@pytest.mark.parametrize("model", ["pronunciation", "bankreflection"])
def test_a_lexicon_entry_is_not_called_a_draft(admin_client, model):
    page = admin_client.get(reverse(f"admin:narratives_{model}_add")).content.decode()
    assert "Save and stay" in page
    assert "Save draft" not in page


class TestLexiconPages:
    def test_a_lexicon_change_shows_its_clips_and_price_before_saving(
        self, admin_client, heard_question, paid_voice
    ):
        page = admin_client.post(ADD, ENTRY).content.decode()
        assert (
            "This changes 2 clips in 1 text. 2 new clips have to be made: 40 characters, about $0.001."
            in page
        )
        assert "added: </span>beginn?</ins>" in page
        assert not Pronunciation.objects.exists()

    def test_a_lexicon_change_offers_no_new_audio_for_a_retired_model(
        self, admin_client, heard_question, paid_voice, monkeypatch
    ):
        stand_before_shutdown(1, monkeypatch)
        assert "publish_sounds" in admin_client.post(ADD, ENTRY).content.decode()
        stand_before_shutdown(0, monkeypatch)
        page = admin_client.post(ADD, ENTRY).content.decode()
        assert "2 cannot be made: the voice model has been switched off." in page
        assert "publish_sounds" not in page

    def test_a_confirmed_lexicon_change_is_saved_and_listeners_keep_their_audio(
        self, admin_client, heard_question
    ):
        before = heard(admin_client)
        assert admin_client.post(ADD, ENTRY | YES).status_code == 302
        assert heard_question.draft_speech("nova").text == "Where did it beginn?"
        assert (heard(admin_client), WarmItem.objects.count()) == (before, 0)

    def test_a_lexicon_change_publishes_the_new_audio_on_request(
        self, admin_client, admin_user, heard_journey, heard_question
    ):
        page = admin_client.post(ADD, ENTRY | YES | {"publish_sounds": "1"}, follow=True)
        assert "Version 2: new pronunciation. 2 clips are being made" in said(page)
        assert heard_journey.waiting.revisions.get().spoken_text == "Where did it beginn?"
        assert admin_user.logentry_set.filter(change_message__contains="free of charge").exists()

    def test_publishing_a_lexicon_change_counts_the_clips_of_earlier_changes(
        self, admin_client, heard_journey, paid_voice
    ):
        Pronunciation.objects.create(word="welcome", say_as="well come")  # saved and not published yet
        page = admin_client.post(ADD, ENTRY).content.decode()
        assert "If you publish it now, 4 clips are made: 60 characters" in page
        assert "includes earlier changes of the lexicon" in page
        admin_client.post(ADD, ENTRY | YES | {"publish_sounds": "1"})
        assert WarmItem.objects.count() == 4

    def test_a_lexicon_change_counts_drafts_and_published_texts(self, admin_client, heard_question):
        edit(heard_question, "Where did it all begin?")
        page = admin_client.post(ADD, ENTRY).content.decode()
        assert "changes 4 clips in 2 texts" in page

    def test_a_lexicon_entry_without_effect_is_saved_at_once(self, admin_client, heard_question):
        assert admin_client.post(ADD, ENTRY | {"word": "Siobhan"}).status_code == 302

    @pytest.mark.parametrize(
        ("changed", "says"),
        [
            ({"word": ""}, "required"),
            ({"say_as": "…"}, "at least one letter or digit"),
            ({"voice": "hal"}, "valid choice"),
        ],
        ids=["no word", "nothing to say", "no such voice"],
    )
    def test_a_wrong_lexicon_entry_is_refused_before_confirmation(
        self, admin_client, heard_question, changed, says
    ):
        assert says in admin_client.post(ADD, ENTRY | changed).content.decode()

    def test_changing_a_lexicon_entry_asks_first(self, admin_client, entry):
        page = admin_client.post(admin_address(entry), ENTRY | {"say_as": "begun"}).content.decode()
        assert "begun?</ins>" in page
        entry.refresh_from_db()
        assert entry.say_as == "beginn"

    def test_deleting_a_lexicon_entry_asks_first_and_counts_existing_clips(
        self, admin_client, entry, heard_question
    ):
        page = admin_client.get(admin_address(entry, "delete")).content.decode()
        assert "changes 2 clips in 1 text. The new audio is ready." in page
        admin_client.post(admin_address(entry, "delete"), YES | {"post": "yes"})
        assert not Pronunciation.objects.exists()
        assert not heard_question.differs_from_live

    def test_the_page_of_a_lexicon_entry_shows_its_texts_and_makes_clips_after_confirmation(
        self, admin_client, entry, paid_voice
    ):
        assert "Where did it begin?" in admin_client.get(admin_address(entry)).content.decode()
        make = reverse("admin:narratives_pronunciation_make_examples", args=[entry.pk])
        assert "40 characters" in admin_client.get(make).content.decode()
        assert not WarmRun.objects.exists()
        admin_client.post(make, YES)
        assert WarmItem.objects.count() == 2

    def test_editors_without_permission_are_not_offered_to_publish_a_lexicon_change(self, heard_question):
        user = User.objects.create(username="editor", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__endswith="_pronunciation"))
        client = Client()
        client.force_login(user)
        assert "publish_sounds" not in client.post(ADD, ENTRY).content.decode()
        client.post(ADD, ENTRY | YES | {"publish_sounds": "1"})
        assert Pronunciation.objects.exists()
        assert heard_question.journey.waiting is None
