from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection

from ttscache.accounting.budget import Budget, utc_now
from ttscache.errors import BudgetExhausted
from ttscache.models import BudgetDay, Spending

pytestmark = pytest.mark.django_db(transaction=True)


def committed() -> int:
    return BudgetDay.objects.get(day=utc_now().date()).committed_microusd


def test_budget_without_a_cap_grants_every_call_and_writes_nothing() -> None:
    (reservation,) = Budget(None).reserve(1_000)
    Budget(None).settle(reservation, 2_000)
    assert Budget(None).can_afford(1_000)
    assert not BudgetDay.objects.exists()


def test_budget_grants_a_free_call_under_any_cap() -> None:
    assert Budget(0).reserve(0)


def test_budget_reserves_money_before_a_call_and_settles_it_after() -> None:
    budget = Budget(1)
    (reservation,) = budget.reserve(0.4)
    assert committed() == 400_000
    budget.settle(reservation, 0.25)
    assert committed() == 250_000


def test_budget_allows_spending_to_the_last_cent_and_no_further() -> None:
    budget = Budget(1)
    budget.reserve(0.75)
    budget.reserve(0.25)
    with pytest.raises(BudgetExhausted) as refused:
        budget.reserve(0.000001)
    assert refused.value.retry_after_seconds and 0 < refused.value.retry_after_seconds <= 86_400
    assert committed() == 1_000_000


def test_budget_releases_the_unused_part_of_a_reservation() -> None:
    budget = Budget(1)
    (reservation,) = budget.reserve(1)
    budget.settle(reservation, 0)
    assert budget.reserve(1)


def test_budget_starts_full_on_a_new_day() -> None:
    budget = Budget(1)
    budget.reserve(1)
    assert not budget.can_afford(0.5)
    tomorrow = Budget(1, clock=lambda: utc_now() + timedelta(days=1))
    assert tomorrow.can_afford(0.5)
    assert tomorrow.reserve(1)


def test_a_call_that_ends_after_midnight_is_settled_with_its_own_day() -> None:
    budget = Budget(1)
    (reservation,) = budget.reserve(1)
    Budget(1, clock=lambda: utc_now() + timedelta(days=1)).settle(reservation, 0.5)
    assert committed() == 500_000


def test_a_cap_set_at_noon_counts_the_spending_of_the_morning() -> None:
    Spending.objects.create(
        hour=utc_now().replace(minute=0, second=0, microsecond=0),
        content_type="question", voice="nova", model="tts-1-hd", outcome="ok", cost_microusd=900_000,
    )  # fmt: skip
    budget = Budget(1)
    assert budget.can_afford(0.1)
    with pytest.raises(BudgetExhausted):
        budget.reserve(0.2)
    assert budget.reserve(0.1)


def test_concurrent_reservations_never_exceed_the_cap() -> None:
    granted: list[bool] = []

    def call() -> None:
        try:
            budget = Budget(1)  # each process has its own Budget object
            for _ in range(10):
                try:
                    granted.append(bool(budget.reserve(0.05)))
                except BudgetExhausted:
                    granted.append(False)
        finally:
            connection.close()

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(granted), granted.count(True), committed()) == (80, 20, 1_000_000)


def test_a_reservation_for_several_calls_is_granted_whole_or_not_at_all() -> None:
    budget = Budget(1)
    assert [each.microusd for each in budget.reserve(0.3, 0.3)] == [300_000, 300_000]
    with pytest.raises(BudgetExhausted):
        budget.reserve(0.3, 0.3)
    assert committed() == 600_000


def test_spending_without_a_cap_counts_once_a_cap_is_set_again() -> None:
    Budget(1).reserve(0.1)
    Spending.objects.create(
        hour=utc_now().replace(minute=0, second=0, microsecond=0),
        content_type="question", voice="nova", model="tts-1-hd", outcome="ok", cost_microusd=50_000_000,
    )  # fmt: skip
    with pytest.raises(BudgetExhausted):
        Budget(1).reserve(0.1)  # a process that has just started


def test_a_price_above_the_cap_is_refused_on_any_day() -> None:
    assert Budget(1).is_beyond(1.1)
    assert not Budget(1).is_beyond(1)
    assert not Budget(None).is_beyond(1_000_000)
