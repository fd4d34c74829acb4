"""The effect of the lexicon on drafts and published texts."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from narratives import publishing
from narratives.models import Journey, Narrative, Pronunciation, Publication
from ttscache.models import Clip, Pin


@pytest.fixture
def question(db: None) -> Narrative:
    """A published question with all its clips."""
    journey = Journey.objects.create(slug="ours", title="Ours", is_live=True, is_default=True)
    question = Narrative.objects.create(journey=journey, slug="q", title="Q", text="How is Siobhan?")
    publishing.publish([question])
    Clip.objects.update(stored_at=timezone.now())
    return Narrative.objects.get()


@pytest.fixture
def shivawn(question: Narrative) -> Pronunciation:
    return Pronunciation.objects.create(word="siobhan", say_as="Shivawn")


def heard(voice: str = "nova") -> dict[str, Any]:
    told: dict[str, Any] = Client().get("/api/narratives", {"voice": voice}).json()["narratives"][0]
    return told


def test_the_lexicon_changes_the_key_and_not_the_caption(question: Narrative, shivawn: Pronunciation) -> None:
    assert question.draft_speech("nova").text == "How is Shivawn?"
    publishing.publish_sounds()
    assert Publication.objects.waiting().get().revisions.get().text == "How is Siobhan?"


def test_a_lexicon_change_marks_texts_as_changed_and_changes_nothing_for_listeners(
    question: Narrative, shivawn: Pronunciation
) -> None:
    before = heard()
    publishing.sync_pins()
    assert (question.differs_from_live, question.has_unpublished_changes, heard()) == (True, True, before)
    drafts = Pin.objects.filter(reason=Pin.Reason.DRAFT).values_list("content_hash", flat=True)
    assert question.draft_speech("nova").content_hash in drafts


def test_published_texts_get_a_new_pronunciation_when_its_audio_is_ready(
    question: Narrative, shivawn: Pronunciation
) -> None:
    before = heard()
    (publication,) = publishing.publish_sounds()
    assert (publication.state, heard()) == ("waiting", before)
    Clip.objects.update(stored_at=timezone.now())
    publishing.activate_ready_publications()
    assert (heard()["text"], heard()["audio"]["ready"]) == ("How is Siobhan?", True)
    assert heard()["audio"]["content_hash"] == question.draft_speech("nova").content_hash


def test_publishing_a_pronunciation_leaves_drafts_alone(question: Narrative, shivawn: Pronunciation) -> None:
    Narrative.objects.update(text="Who is Siobhan?")
    (publication,) = publishing.publish_sounds()
    assert publication.revisions.get().text == "How is Siobhan?"


def test_a_lexicon_entry_of_one_voice_changes_only_that_voice(question: Narrative) -> None:
    Pronunciation.objects.create(word="Siobhan", say_as="Shivvy", voice="onyx")
    nova = heard()["audio"]["content_hash"]
    publishing.publish_sounds()
    Clip.objects.update(stored_at=timezone.now())
    publishing.activate_ready_publications()
    assert heard()["audio"]["content_hash"] == nova
    assert heard("onyx")["audio"]["content_hash"] == question.draft_speech("onyx").content_hash


def test_texts_without_the_word_are_not_published_again(question: Narrative) -> None:
    Pronunciation.objects.create(word="Niamh", say_as="Neev")
    assert publishing.publish_sounds() == []
    assert not question.differs_from_live
