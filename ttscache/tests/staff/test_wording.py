"""Prices in words."""

from __future__ import annotations

import pytest

from ttscache.staff.wording import price

pytestmark = pytest.mark.any_database


@pytest.mark.parametrize(
    ("usd", "said"),
    [(0, "free of charge"), (0.00001, "about $0.001"), (0.0294, "about $0.029"), (12.5, "about $12.50")],
)
def test_prices_in_words(usd, said):
    assert price(usd) == said
