from __future__ import annotations

import json
import re

import pytest
from django.test import Client

from narratives import publishing
from narratives.content import loading
from narratives.content.loading import load_shipped_content
from narratives.models import BankReflection, Journey, Narrative, ShippedContent
from ttscache.models import Clip, Pin, WarmRun

pytestmark = pytest.mark.django_db
LOADED = ["Life Review", "Life Review (gentle)", "24 reflections", "10 reflections for hard answers"]


def test_loading_brings_two_journeys_and_leaves_the_gentle_one_off() -> None:
    assert load_shipped_content() == LOADED
    told = Client().get("/api/narratives", {"journey": "life-review-gentle"})
    assert (told.status_code, Journey.objects.live().get().slug) == (404, "life-review-default")


def test_loading_makes_no_clip_for_a_journey_that_is_not_live() -> None:
    load_shipped_content()
    assert sum(run.items.count() for run in WarmRun.objects.all()) == 34


def test_loading_the_content_again_changes_nothing() -> None:
    load_shipped_content()
    assert load_shipped_content() == []
    assert (Journey.objects.count(), BankReflection.objects.count()) == (2, 34)


def test_loading_the_content_again_keeps_deleted_texts_deleted() -> None:
    load_shipped_content()
    Journey.objects.all().delete()
    BankReflection.objects.all().delete()
    assert load_shipped_content() == []


def test_an_older_installation_gets_new_content_and_keeps_its_own() -> None:
    loading.load_default_content()
    Narrative.objects.filter(slug="q01").update(text="Our own question?")
    assert load_shipped_content() == LOADED[1:]
    assert Narrative.objects.filter(text="Our own question?").exists()
    assert ShippedContent.objects.count() == 4


def test_the_gentle_journey_is_complete_and_playable_once_live() -> None:
    load_shipped_content()
    Journey.objects.filter(slug="life-review-gentle").update(is_live=True)
    told = Client().get("/api/narratives", {"journey": "life-review-gentle"}).json()
    assert [each["kind"] for each in told["narratives"]] == ["intro", *["question"] * 10, "outro"]
    assert len(told["system"]) == 5


def test_the_gentle_journey_asks_for_less_in_shorter_sentences() -> None:
    load_shipped_content()
    gentle = Narrative.objects.filter(journey__slug="life-review-gentle").exclude(kind="system")
    sentences = [words for each in gentle for words in re.split(r"(?<=[.?])\s", each.text)]
    assert max(len(sentence.split()) for sentence in sentences) <= 16
    assert all(len(each.text) < 100 for each in gentle if each.is_question)


def test_the_clips_of_the_bank_are_pinned_and_shareable() -> None:
    load_shipped_content()
    held = Pin.objects.filter(reason=Pin.Reason.BANK).values_list("content_hash", flat=True)
    clips = Clip.objects.filter(content_hash__in=held, is_shareable=True, content_type="analysis")
    assert clips.count() == 68


def test_the_clips_of_a_reflection_out_of_use_are_unpinned() -> None:
    load_shipped_content()
    BankReflection.objects.filter(theme="work").update(is_active=False)
    publishing.sync_pins()
    assert Pin.objects.filter(reason=Pin.Reason.BANK).count() == 64


class TestHardAnswersOnAnOlderSite:
    """A site that loaded the bank before the reflections for hard answers came with it."""

    @pytest.fixture(autouse=True)
    def _older(self) -> None:
        load_shipped_content()
        BankReflection.objects.filter(theme="general", after_heavy="always").delete()
        ShippedContent.objects.filter(name="reflections-for-hard-answers").delete()

    def test_reflections_for_hard_answers_are_added_once_and_staff_keep_their_edits(self) -> None:
        edited = "It sounds as though there was more to it. Thank you for saying so."
        BankReflection.objects.filter(theme="work").update(text=edited)
        assert load_shipped_content() == ["10 reflections for hard answers"]
        assert load_shipped_content() == []
        assert BankReflection.objects.filter(text=edited).count() == 2
        assert BankReflection.objects.count() == 34

    def test_reflections_that_staff_have_written_are_not_added_again(self) -> None:
        first = json.loads(loading.HARD_ANSWERS.read_text(encoding="utf-8"))["reflections"][0]["text"]
        BankReflection.objects.create(text=first, after_heavy="never")
        assert load_shipped_content() == ["9 reflections for hard answers"]
        assert BankReflection.objects.get(text=first).after_heavy == "never"

    @pytest.mark.parametrize("has_own", [True, False])
    def test_a_bank_that_staff_have_emptied_or_replaced_is_left_alone(self, has_own: bool) -> None:
        BankReflection.objects.all().delete()
        if has_own:
            BankReflection.objects.create(text="It sounds as though it was long. Thank you for it.")
        assert load_shipped_content() == []
        assert BankReflection.objects.count() == int(has_own)
