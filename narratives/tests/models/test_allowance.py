"""The daily allowance for hearing drafts is never overspent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connections

from harness.http import at_once
from narratives.models import DraftAllowance, DraftAllowanceDay


@pytest.mark.django_db
class TestAllowance:
    def test_without_a_row_editors_may_spend_ten_cents_a_day(self) -> None:
        allowance = DraftAllowance.current()

        assert (allowance.usd_a_day, allowance.left_usd) == (0.10, 0.10)
        assert allowance.spend(0.10)
        assert allowance.left_usd == 0
        assert not allowance.spend(0.000001)

    def test_a_price_above_what_is_left_books_nothing(self) -> None:
        allowance = DraftAllowance.current()
        assert allowance.spend(0.06)

        assert not allowance.spend(0.05)
        assert allowance.left_usd == pytest.approx(0.04)

    def test_the_allowance_is_whole_again_on_the_next_day(self) -> None:
        yesterday = datetime.now(UTC).date() - timedelta(days=1)
        DraftAllowanceDay.objects.create(day=yesterday, microusd=100_000)

        assert DraftAllowance.current().left_usd == 0.10

    def test_an_allowance_of_zero_refuses_even_what_is_free(self) -> None:
        assert not DraftAllowance(pk=1, usd_a_day=0).spend(0)

    def test_a_lowered_allowance_leaves_nothing_and_no_debt(self) -> None:
        assert DraftAllowance(pk=1, usd_a_day=1).spend(0.5)

        assert DraftAllowance(pk=1, usd_a_day=0.2).left_usd == 0

    @pytest.mark.parametrize("usd", [-0.01, 100.01])
    def test_an_allowance_is_neither_negative_nor_large(self, usd: float) -> None:
        with pytest.raises(ValidationError):
            DraftAllowance(pk=1, usd_a_day=usd).full_clean()


@pytest.mark.django_db(transaction=True)
def test_eight_editors_at_once_spend_no_more_than_the_allowance() -> None:
    """Each price takes a third of the allowance, so exactly three of them fit."""
    allowance = DraftAllowance(pk=1, usd_a_day=0.03)

    def spend(_: int) -> bool:
        try:
            return allowance.spend(0.01)
        finally:
            connections.close_all()

    assert sorted(at_once(8, spend), key=str) == [False] * 5 + [True] * 3
    assert DraftAllowanceDay.objects.get().microusd == 30_000
