"""Two people open one page, and both save it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from harness.admin_pages import admin_address
from narratives.editing.deleting import delete_narratives
from narratives.models import BankReflection, Journey, Narrative, Pronunciation
from ttscache.models import WarmRun

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


def opened(client: Client, address: str) -> dict[str, Any]:
    """Open a page, and return its form as a browser would send it back unchanged."""
    response = client.get(address)
    form = form_of(response)
    assert all(f'name="{name}"' in response.content.decode() for name in form if name.endswith("seen"))
    return form


def form_of(response: Any) -> dict[str, Any]:
    context = response.context
    forms = [context["adminform"].form]
    form = {}
    for formset in context["inline_admin_formsets"]:
        forms += [formset.formset.management_form, *formset.formset.initial_forms]
    for each in forms:
        for field in each:
            if field.value() is not None and field.value() is not False:
                form[field.html_name] = field.value()
    return form


def row_of(form: dict[str, Any], narrative: Narrative) -> str:
    return next(name[:-3] for name, value in form.items() if name.endswith("-id") and value == narrative.pk)


@pytest.fixture
def intro(heard_journey: Journey) -> Narrative:
    return heard_journey.narratives.get(kind="intro")


def texts(journey: Journey) -> list[str]:
    return [narrative.text for narrative in journey.narratives.all()]


class TestJourneyPage:
    def test_saving_one_text_keeps_the_words_a_colleague_wrote_in_another(
        self, admin_client, heard_journey, heard_question, intro
    ):
        form = opened(admin_client, admin_address(heard_journey))
        Narrative.objects.filter(pk=heard_question.pk).update(text="By Ben.")
        admin_client.post(admin_address(heard_journey), form | {f"{row_of(form, intro)}-text": "Hello."})
        assert texts(heard_journey) == ["Hello.", "By Ben.", "Thank you."]

    def test_a_title_and_words_changed_by_two_people_are_both_kept(
        self, admin_client, heard_journey, heard_question
    ):
        form = opened(admin_client, admin_address(heard_journey))
        Narrative.objects.filter(pk=heard_question.pk).update(text="By Ben.")
        title = f"{row_of(form, heard_question)}-title"
        admin_client.post(admin_address(heard_journey), form | {title: "By Ana"})
        heard_question.refresh_from_db()
        assert (heard_question.title, heard_question.text) == ("By Ana", "By Ben.")

    def test_saving_without_moving_keeps_the_order_of_a_colleague(self, admin_client, heard_journey, intro):
        form = opened(admin_client, admin_address(heard_journey))
        Narrative.objects.filter(pk=intro.pk).update(position=7)
        admin_client.post(admin_address(heard_journey), form | {f"{row_of(form, intro)}-text": "Hello."})
        assert texts(heard_journey)[-1] == "Hello."

    def test_a_journey_that_a_colleague_took_off_stays_off(self, admin_client, heard_journey, intro):
        form = opened(admin_client, admin_address(heard_journey))
        Journey.objects.update(is_live=False)
        admin_client.post(admin_address(heard_journey), form | {f"{row_of(form, intro)}-text": "Hello."})
        assert texts(heard_journey)[0] == "Hello."
        assert not Journey.objects.get().is_live

    def test_a_row_deleted_by_a_colleague_does_not_block_saving_the_rest(
        self, admin_client, heard_journey, heard_question, intro
    ):
        form = opened(admin_client, admin_address(heard_journey))
        delete_narratives([heard_question])
        admin_client.post(admin_address(heard_journey), form | {f"{row_of(form, intro)}-text": "Hello."})
        assert texts(heard_journey) == ["Hello.", "Thank you."]

    def test_words_written_in_a_deleted_row_are_given_back(self, admin_client, heard_journey, heard_question):
        form = opened(admin_client, admin_address(heard_journey))
        delete_narratives([heard_question])
        sent = form | {f"{row_of(form, heard_question)}-text": "By Ana."}
        told = admin_client.post(admin_address(heard_journey), sent, follow=True).content.decode()
        assert (
            "Somebody deleted “Question” after you opened the page. Your text was not saved: “By Ana.”"
            in told
        )

    @pytest.fixture
    def sent_back(self, admin_client: Client, heard_journey: Journey, heard_question: Narrative) -> Any:
        """Ben has deleted the question, and Ana has left the title of the outro empty."""
        outro = heard_journey.narratives.get(kind="outro")
        form = opened(admin_client, admin_address(heard_journey))
        delete_narratives([heard_question])
        sent = {f"{row_of(form, heard_question)}-text": "By Ana.", f"{row_of(form, outro)}-title": ""}
        return admin_client.post(admin_address(heard_journey), form | sent)

    def test_rows_shown_again_keep_their_own_audio(self, sent_back, heard_journey):
        rows = re.findall(r'id="clips-(\d+)"|<textarea[^>]*>\s*([^<]*)<', sent_back.content.decode())
        written = [text or pk for pk, text in rows if pk or text]
        intro, outro = heard_journey.narratives.all()
        assert written == ["Welcome.", str(intro.pk), "Thank you.", str(outro.pk)]

    def test_a_deleted_row_says_so_and_shows_its_words(self, admin_client, sent_back, heard_journey):
        assert "Somebody deleted “Question” after you opened the page." in sent_back.content.decode()
        form = form_of(sent_back)
        title = next(name for name, value in form.items() if name.endswith("-title") and not value)
        told = admin_client.post(admin_address(heard_journey), form | {title: "The end"}, follow=True)
        assert "not saved: “By Ana.”" in told.content.decode()
        assert [each.title for each in heard_journey.narratives.all()] == ["Intro", "The end"]

    def test_rows_moved_by_a_colleague_keep_their_audio(self, admin_client, heard_journey, intro):
        form = opened(admin_client, admin_address(heard_journey))
        Narrative.objects.filter(pk=intro.pk).update(position=7)
        sent = admin_client.post(admin_address(heard_journey), form | {f"{row_of(form, intro)}-title": ""})
        (formset,) = sent.context["inline_admin_formsets"]
        assert [row.original.pk for row in formset if row.original] == [
            form.instance.pk for form in formset.formset.initial_forms
        ]


class TestOneTextOrEntry:
    @pytest.fixture
    def refused(self, admin_client: Client, heard_question: Narrative) -> Any:
        """The answer to Ana's save, after Ben has saved other words."""
        form = opened(admin_client, admin_address(heard_question))
        Narrative.objects.update(text="By <b>Ben</b>.")
        return admin_client.post(admin_address(heard_question), form | {"text": "By Ana."})

    def test_a_conflict_shows_the_current_words_and_loses_nothing(self, refused, heard_question):
        shown = refused.content.decode()
        assert "Somebody else changed this" in shown
        assert "It now says: “By &lt;b&gt;Ben&lt;/b&gt;.”" in shown
        assert "By Ana." in shown
        heard_question.refresh_from_db()
        assert heard_question.text == "By <b>Ben</b>."

    def test_a_conflicting_text_is_saved_by_saving_again(self, admin_client, refused, heard_question):
        form = {
            field.html_name: field.value()
            for field in refused.context["adminform"].form
            if field.value() is not None
        }
        admin_client.post(admin_address(heard_question), form)
        heard_question.refresh_from_db()
        assert heard_question.text == "By Ana."

    def test_a_conflict_on_a_bank_reflection_is_shown(self, admin_client):
        words = "Thank you for telling me. It stays with me."
        reflection = BankReflection.objects.create(text=words, is_active=False)
        form = opened(admin_client, admin_address(reflection))
        BankReflection.objects.update(text="That was worth telling. Thank you.")
        told = admin_client.post(admin_address(reflection), form | {"text": f"{words[:-1]} always."})
        assert "That was worth telling." in told.content.decode()

    def test_a_conflict_on_a_lexicon_entry_is_shown(self, admin_client, heard_journey):
        entry = Pronunciation.objects.create(word="Siobhan", say_as="Shivawn")
        form = opened(admin_client, admin_address(entry))
        Pronunciation.objects.update(say_as="Shi vawn")
        told = admin_client.post(admin_address(entry), form | {"say_as": "Shevawn"}).content.decode()
        assert "It now says: “Shi vawn”" in told
        entry.refresh_from_db()
        assert entry.say_as == "Shi vawn"

    def test_a_conflict_on_a_lexicon_entry_is_shown_after_its_confirmation_page(
        self, admin_client, heard_journey
    ):
        entry = Pronunciation.objects.create(word="begin", say_as="beginn")
        form = opened(admin_client, admin_address(entry)) | {"say_as": "begun"}
        confirmation = admin_client.post(admin_address(entry), form)
        Pronunciation.objects.update(say_as="be gin")
        told = admin_client.post(
            admin_address(entry), dict(confirmation.context["hidden"]) | {"confirmed": "yes"}
        )
        assert "It now says: “be gin”" in told.content.decode()


class TestLateConfirmation:
    def confirm(self, client: Client, address: str, confirmation: Any) -> str:
        answer = dict(confirmation.context["hidden"]) | {"confirmed": "yes"}
        return client.post(address, answer, follow=True).content.decode()

    def test_publishing_leaves_drafts_that_were_not_on_the_page(
        self, admin_client, heard_journey, heard_question, intro
    ):
        Narrative.objects.filter(pk=heard_question.pk).update(text="Seen.")
        publish = reverse("admin:narratives_journey_publish_changes", args=[heard_journey.pk])
        confirmation = admin_client.get(publish)
        Narrative.objects.filter(pk=intro.pk).update(text="Not seen.")
        page = self.confirm(admin_client, publish, confirmation)
        assert "The drafts changed while you were looking" in page
        assert "<ins>Not seen.</ins>" in page
        assert heard_journey.waiting is None

    def test_publishing_chosen_texts_leaves_drafts_that_were_not_on_the_page(
        self, admin_client, heard_question, paid_voice
    ):
        Narrative.objects.filter(pk=heard_question.pk).update(text="Seen.")
        chosen = {"action": "publish_chosen", "_selected_action": heard_question.pk}
        texts = reverse("admin:narratives_narrative_changelist")
        confirmation = admin_client.post(texts, chosen)
        Narrative.objects.filter(pk=heard_question.pk).update(text="Not seen.")
        assert "The drafts changed" in self.confirm(admin_client, texts, confirmation)
        assert heard_question.journey.waiting is None

    def test_restoring_a_version_keeps_drafts_that_were_not_on_the_page(
        self, admin_client, heard_journey, heard_question, intro
    ):
        Narrative.objects.filter(pk=heard_question.pk).update(text="Seen.")
        back = reverse("admin:narratives_journey_restore", args=[heard_journey.pk, 1])
        confirmation = admin_client.get(back)
        assert "<del>Seen.</del><ins>Where did it begin?</ins>" in confirmation.content.decode()
        assert "Crossed-out text is unpublished and will be lost." in confirmation.content.decode()
        Narrative.objects.filter(pk=intro.pk).update(text="Not seen.")
        assert "The drafts changed" in self.confirm(admin_client, back, confirmation)
        assert texts(heard_journey)[:2] == ["Not seen.", "Seen."]

    def test_making_clips_never_costs_more_than_was_shown(
        self, admin_client, heard_journey, heard_question, intro, paid_voice
    ):
        make = reverse("admin:narratives_journey_make_missing", args=[heard_journey.pk])
        Narrative.objects.filter(pk=heard_question.pk).update(text="Seen.")
        confirmation = admin_client.get(make)
        Narrative.objects.filter(pk=intro.pk).update(text="Not seen.")
        assert "The price has risen" in self.confirm(admin_client, make, confirmation)
        assert not WarmRun.objects.exists()
        self.confirm(admin_client, make, admin_client.get(make))
        assert WarmRun.objects.exists()
