from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narratives.text.tidying import tidied, tidied_line

pytestmark = pytest.mark.any_database


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("  Hello   there. ", "Hello there."),
        ("One.\r\n\r\n\r\n\r\nTwo.", "One.\n\nTwo."),
        ("a\x00b", "ab"),
        ("a \u200b b\u00ad", "a b"),
        ("One.\rTwo.\u2028Three.", "One.\nTwo.\nThree."),
        ("Jose \u200b\u0301", "Jose \u0301"),
    ],
)
def test_texts_are_tidied_when_they_are_saved(written: str, kept: str) -> None:
    assert tidied(written) == kept


@given(st.text(st.sampled_from("ae\u0301 \n\r\u2028\u200b\u200d\ufe0f\u00a0क\u094d.\u3164"), max_size=30))
def test_tidying_a_tidy_text_changes_nothing(text: str) -> None:
    assert tidied(tidied(text)) == tidied(text)
    assert tidied_line(tidied_line(text)) == tidied_line(text)
