from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from narratives import publishing
from narratives.models import Journey, Narrative, Pronunciation, Publication
from narratives.text.lexicon import Entry, Lexicon
from ttscache.models import Clip, Pin


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("Ask Siobhan.", "Ask Shivawn."),
        ("siobhan and SIOBHAN", "Shivawn and Shivawn"),
        ("Siobhan's house", "Shivawn's house"),
        ("Siobhana, MacSiobhan", "Siobhana, MacSiobhan"),
        ("Dr. Lee at 9 a.m.", "Doctor Lee at 9 in the morning"),
        ("New York, York", "Noo Yawk, Yorick"),
        ("Nothing to say otherwise", "Nothing to say otherwise"),
    ],
    ids=["a word", "any case", "possessive", "part of a word", "with marks", "the longest first", "none"],
)
def test_whole_words_are_said_otherwise(written: str, spoken: str) -> None:
    words = {"Siobhan": "Shivawn", "Dr.": "Doctor", "a.m.": "in the morning", "York": "Yorick"}
    words["New York"] = "Noo Yawk"
    assert Lexicon.of(Entry(word, say_as) for word, say_as in words.items()).spoken(written) == spoken


@pytest.mark.any_database
def test_what_was_replaced_is_not_replaced_again() -> None:
    assert Lexicon.of([Entry("a", "b"), Entry("b", "a")]).spoken("a b") == "b a"


@pytest.mark.any_database
def test_a_say_as_is_taken_as_it_is() -> None:
    assert Lexicon.of([Entry("C++", r"C \1 plus")]).spoken("C++ it is") == r"C \1 plus it is"


@pytest.mark.any_database
def test_a_voice_has_its_own_before_the_one_for_all() -> None:
    lexicon = Lexicon.of([Entry("tea", "tee"), Entry("tea", "tay", "onyx")])
    assert lexicon.spoken_forms("tea", ["nova", "onyx"]) == ("tee", {"onyx": "tay"})


# --- applied to what is written and published ------------------------------------------------------------
@pytest.fixture
def question(db: None) -> Narrative:
    """Published, its clips made."""
    journey = Journey.objects.create(slug="ours", title="Ours", is_live=True, is_default=True)
    question = Narrative.objects.create(journey=journey, slug="q", title="Q", text="How is Siobhan?")
    publishing.publish([question])
    Clip.objects.update(kept_at=timezone.now())
    return Narrative.objects.get()


@pytest.fixture
def shivawn(question: Narrative) -> Pronunciation:
    return Pronunciation.objects.create(word="siobhan", say_as="Shivawn")


def heard(voice: str = "nova") -> dict[str, Any]:
    told: dict[str, Any] = Client().get("/api/narratives", {"voice": voice}).json()["narratives"][0]
    return told


def test_it_is_part_of_the_key_and_not_of_the_caption(question: Narrative, shivawn: Pronunciation) -> None:
    assert question.draft_speech("nova").text == "How is Shivawn?"
    publishing.publish_sounds()
    assert Publication.objects.waiting().get().revisions.get().text == "How is Siobhan?"


def test_what_sounds_otherwise_has_changes_and_listeners_notice_nothing(
    question: Narrative, shivawn: Pronunciation
) -> None:
    before = heard()
    publishing.hold_clips()
    assert (question.has_changes, question.is_ahead, heard()) == (True, True, before)
    drafts = Pin.objects.filter(reason=Pin.Reason.DRAFT).values_list("content_hash", flat=True)
    assert question.draft_speech("nova").content_hash in drafts


def test_published_words_get_their_new_sound_when_it_is_there(
    question: Narrative, shivawn: Pronunciation
) -> None:
    before = heard()
    (publication,) = publishing.publish_sounds()
    assert (publication.state, heard()) == ("waiting", before)
    Clip.objects.update(kept_at=timezone.now())
    publishing.switch_what_is_ready()
    assert (heard()["text"], heard()["audio"]["ready"]) == ("How is Siobhan?", True)
    assert heard()["audio"]["content_hash"] == question.draft_speech("nova").content_hash


def test_a_draft_with_other_words_stays_a_draft(question: Narrative, shivawn: Pronunciation) -> None:
    Narrative.objects.update(text="Who is Siobhan?")
    (publication,) = publishing.publish_sounds()
    assert publication.revisions.get().text == "How is Siobhan?"


def test_a_voice_of_its_own_changes_that_voice_alone(question: Narrative) -> None:
    Pronunciation.objects.create(word="Siobhan", say_as="Shivvy", voice="onyx")
    nova = heard()["audio"]["content_hash"]
    publishing.publish_sounds()
    Clip.objects.update(kept_at=timezone.now())
    publishing.switch_what_is_ready()
    assert heard()["audio"]["content_hash"] == nova
    assert heard("onyx")["audio"]["content_hash"] == question.draft_speech("onyx").content_hash


def test_what_it_does_not_touch_is_not_published_again(question: Narrative) -> None:
    Pronunciation.objects.create(word="Niamh", say_as="Neev")
    assert publishing.publish_sounds() == []
    assert not question.has_changes


def test_a_word_has_one_entry_a_voice_whatever_its_case(shivawn: Pronunciation) -> None:
    with pytest.raises(ValidationError, match="an entry for this word"):
        Pronunciation(word="SIOBHAN", say_as="Sinead").full_clean()
    Pronunciation(word="SIOBHAN", say_as="Sinead", voice="onyx").full_clean()
