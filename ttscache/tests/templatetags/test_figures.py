"""Number formats of the dashboard."""

from __future__ import annotations

import pytest

from ttscache.templatetags.figures import percent, usd

pytestmark = pytest.mark.any_database


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0, "$0"),
        (0.00003, "$0.0001"),
        (0.0754, "$0.0754"),
        (0.697, "$0.697"),
        (0.5, "$0.50"),
        (0.99999, "$1.00"),
        (1234.5, "$1,234.50"),
        (-0.00001, "-$0.0001"),
    ],
)
def test_money_has_cents_at_least_and_is_never_a_point_without_digits(value: float, said: str) -> None:
    assert usd(value) == said


@pytest.mark.parametrize(
    ("value", "said"), [(None, "-"), (0.0, "0%"), (99.97, "99.97%"), (99.9999, "99.99%"), (100.0, "100%")]
)
def test_a_rate_is_100_percent_only_where_all_were_hits(value: float | None, said: str) -> None:
    assert percent(value) == said
