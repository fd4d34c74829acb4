from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from narratives.models import Pronunciation
from ttscache.text.plain_text import comparable_word

pytestmark = pytest.mark.django_db


def test_a_word_has_one_lexicon_entry_for_each_voice_in_any_case() -> None:
    Pronunciation.objects.create(word="siobhan", say_as="Shivawn")
    with pytest.raises(ValidationError, match="already has this word"):
        Pronunciation(word="SIOBHAN", say_as="Sinead").full_clean()
    Pronunciation(word="SIOBHAN", say_as="Sinead", voice="onyx").full_clean()


@pytest.mark.parametrize(
    ("one", "other"), [("Élise", "élise"), ("O'Brien", "O\u2019Brien"), ("Anne-Marie", "anne\u2011marie")]
)
def test_a_word_has_one_lexicon_entry_in_whatever_form_it_is_written(one: str, other: str) -> None:
    Pronunciation.objects.create(word=one, say_as="first")
    with pytest.raises(ValidationError, match="already has this word"):
        Pronunciation(word=other, say_as="second").full_clean()
    with pytest.raises(IntegrityError), transaction.atomic():
        Pronunciation.objects.create(word=other, say_as="second")


def test_a_lexicon_entry_is_saved_composed_and_without_invisible_characters() -> None:
    entry = Pronunciation.objects.create(word="Jose\u0301\u200b ", say_as="Ho\u00adzay")
    assert (entry.word, entry.say_as, entry.looked_up_as) == ("José", "Hozay", "josé")


def test_a_migrated_lexicon_keeps_both_of_two_words_that_are_now_one() -> None:
    write_forms = import_module("narratives.migrations.0007_words_in_one_form").write_forms
    first = Pronunciation.objects.create(word="Élise", say_as="a")
    Pronunciation.objects.create(word="x", say_as="b")
    Pronunciation.objects.filter(word="x").update(word="élise")
    write_forms(apps, None)
    kept = dict(Pronunciation.objects.values_list("say_as", "looked_up_as"))
    assert kept.pop("a") == first.looked_up_as
    assert kept["b"].startswith("élise #")


@pytest.mark.parametrize(
    "word", ["O\u2019Brien", "Anne\u2011Marie", "E\u0301lise", "Stra\u00dfe", " New\u00a0York ", "a\u200bb"]
)
def test_a_migrated_word_is_found_as_a_new_one_is(word: str) -> None:
    form_of = import_module("narratives.migrations.0007_words_in_one_form").form_of
    assert form_of(word) == comparable_word(word)


@pytest.mark.parametrize("words", ["***", "\u2026", "___", "\u200b\u00b7"])
def test_a_lexicon_entry_needs_a_letter_or_digit_in_both_its_fields(words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Pronunciation(word=words, say_as=words).full_clean()
    assert set(refused.value.message_dict) == {"word", "say_as"}
