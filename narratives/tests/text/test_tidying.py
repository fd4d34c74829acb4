from __future__ import annotations

import pytest

from narratives.text.tidying import tidied

pytestmark = pytest.mark.any_database


@pytest.mark.parametrize(
    ("written", "kept"),
    [("  Hello   there. ", "Hello there."), ("One.\r\n\r\n\r\n\r\nTwo.", "One.\n\nTwo."), ("a\x00b", "ab")],
)
def test_texts_are_tidied_when_they_are_saved(written: str, kept: str) -> None:
    assert tidied(written) == kept
