"""Prices and clips as staff read them."""

from __future__ import annotations

import pytest

from harness.clips import speech
from ttscache.models import Clip
from ttscache.staff.wording import price, words_of

pytestmark = pytest.mark.any_database


@pytest.mark.parametrize(
    ("usd", "said"),
    [(0, "free of charge"), (0.00001, "about $0.001"), (0.0294, "about $0.029"), (12.5, "about $12.50")],
)
def test_prices_are_worded_for_staff(usd, said):
    assert price(usd) == said


@pytest.mark.parametrize(
    ("content_type", "is_shareable", "said"),
    [
        ("question", False, "Words."),
        ("analysis", True, "Words."),
        ("analysis", False, "(private)"),
        ("response", False, "(private)"),
        ("response", True, "(private)"),
    ],
)
def test_staff_wording_hides_a_persons_own_words(content_type, is_shareable, said):
    clip = Clip.of(speech("Words."), content_type)
    clip.is_shareable = is_shareable
    assert words_of(clip, 60) == said


@pytest.mark.django_db
@pytest.mark.parametrize("is_shareable", [False, True])
@pytest.mark.parametrize("content_type", ["question", "analysis", "response"])
def test_lists_and_pages_share_one_rule_of_privacy(content_type, is_shareable):
    Clip.objects.record(speech(), content_type)
    Clip.objects.update(is_shareable=is_shareable)
    assert Clip.objects.not_private().exists() == (not Clip.objects.get().is_private)
