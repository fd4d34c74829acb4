"""What was spent, and what it would have been without the cache."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.db.models import Sum

from ttscache.models import Spending
from ttscache.reports.cached import rows_in
from ttscache.reports.scope import Scope
from ttscache.reports.time_steps import StepOf


@dataclass(frozen=True, slots=True)
class Money:
    """US dollars, over the range and step by step."""

    spent_steps: list[float]
    without_steps: list[float]
    calls: int

    @property
    def spent(self) -> float:
        """S: the sum over all provider calls, those in the background included, at the price of the time."""
        return sum(self.spent_steps)

    @property
    def without(self) -> float:
        """W: the sum over all clips that were served, each at what it would have cost to make it then."""
        return sum(self.without_steps)

    @property
    def saved(self) -> float:
        """W - S; below zero while more was made than was heard."""
        return self.without - self.spent

    @property
    def saved_percent(self) -> float | None:
        """(W - S) / W; None where nothing was served that has a price."""
        return 100 * self.saved / self.without if self.without else None


def money(scope: Scope, list_price_microusd: list[int]) -> Money:
    """`list_price_microusd`: of what was served, by step, as `asked` found it."""
    spent, calls = [0] * len(list_price_microusd), 0
    for step, cost, number in rows_in(scope, "spent", partial(_rows, scope)):
        spent[min(step, len(spent) - 1)] += cost
        calls += number
    return Money([each / 1e6 for each in spent], [each / 1e6 for each in list_price_microusd], calls)


def _rows(scope: Scope, since: datetime, until: datetime | None) -> list[Any]:
    """Step; cost, calls."""
    return list(
        Spending.objects.filter(**scope.within(since, until))
        .order_by()
        .annotate(step=StepOf("hour", scope.since, scope.range.step))
        .values_list("step")
        .annotate(cost_=Sum("cost_microusd"), calls_=Sum("calls"))
    )
