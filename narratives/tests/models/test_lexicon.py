from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from narratives.models import Pronunciation

pytestmark = pytest.mark.django_db


def test_a_word_has_one_lexicon_entry_for_each_voice_in_any_case() -> None:
    Pronunciation.objects.create(word="siobhan", say_as="Shivawn")
    with pytest.raises(ValidationError, match="an entry for this word"):
        Pronunciation(word="SIOBHAN", say_as="Sinead").full_clean()
    Pronunciation(word="SIOBHAN", say_as="Sinead", voice="onyx").full_clean()
