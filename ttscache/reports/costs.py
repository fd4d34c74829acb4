"""Spending, and what it would have been without the cache."""

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
class Costs:
    """US dollars, over the range and step by step."""

    spent_steps: list[float]
    without_steps: list[float]
    calls: int

    @property
    def spent(self) -> float:
        """S: the sum over all provider calls, background included, at the prices when they were made."""
        return sum(self.spent_steps)

    @property
    def without(self) -> float:
        """W: the sum over all clips that were served, each at the price of making it at that time."""
        return sum(self.without_steps)

    @property
    def saved(self) -> float:
        """W - S. Below zero while more was made than heard, as in the first weeks."""
        return self.without - self.spent

    @property
    def saved_percent(self) -> float | None:
        """(W - S) / W in percent; None if nothing with a price was served."""
        return 100 * self.saved / self.without if self.without else None


def costs(scope: Scope, list_price_microusd: list[int]) -> Costs:
    """`list_price_microusd` is that of `RequestFigures`: the clips that were served, by step."""
    spent, calls = [0] * len(list_price_microusd), 0
    for step, cost, number in rows_in(scope, "spent", partial(_rows, scope)):
        # A row of an hour that began after the scope was made counts in the last step.
        spent[min(step, len(spent) - 1)] += cost
        calls += number
    return Costs([each / 1e6 for each in spent], [each / 1e6 for each in list_price_microusd], calls)


def _rows(scope: Scope, since: datetime, until: datetime | None) -> list[Any]:
    """Rows of (step, cost in microdollars, calls)."""
    return list(
        Spending.objects.filter(**scope.within(since, until))
        .order_by()
        .annotate(step=StepOf("hour", scope.since, scope.range.step))
        .values_list("step")
        .annotate(cost_=Sum("cost_microusd"), calls_=Sum("calls"))
    )
