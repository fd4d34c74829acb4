from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from narratives.models import Pronunciation

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


@pytest.mark.parametrize("words", ["***", "\u2026", "___", "\u200b\u00b7"])
def test_a_lexicon_entry_needs_a_letter_or_digit_in_both_its_fields(words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Pronunciation(word=words, say_as=words).full_clean()
    assert set(refused.value.message_dict) == {"word", "say_as"}
