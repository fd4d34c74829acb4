"""Clip lengths as staff read them."""

from __future__ import annotations

import pytest

from ttscache.staff.clip_widgets import length

pytestmark = pytest.mark.any_database


@pytest.mark.parametrize(
    ("milliseconds", "said"), [(None, ""), (7_400, "0:07"), (59_600, "1:00"), (600_000, "10:00")]
)
def test_clip_lengths_are_shown_as_minutes_and_seconds(milliseconds, said):
    assert length(milliseconds) == said
