"""The daily budget (UTC) of all processes and hosts: reserved before a provider call, settled after it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db import Error
from django.db.models import F, Sum

from ttscache.accounting.prices import list_price_usd
from ttscache.conf import conf
from ttscache.errors import BudgetExhausted, StoreUnavailable
from ttscache.models import BudgetDay, Spending
from ttscache.models.booking import book, microusd_of
from ttscache.renditions.current import live_rendition

logger = logging.getLogger(__name__)

SENTENCE_CHARACTERS = 100  # an ordinary sentence


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Reservation:
    day: date
    microusd: int


class Budget:
    """Caps spending at `usd_a_day`; without a cap it grants everything and writes nothing.

    The reservation of a killed process stays, because its call may have been paid for.
    """

    def __init__(self, usd_a_day: float | None = None, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._cap_microusd = None if usd_a_day is None else microusd_of(usd_a_day)
        self._clock = clock
        self._begun: date | None = None

    def reserve(self, *usd: float) -> list[Reservation]:
        """Reserve the price of each call in US dollars, all or none.

        Raises BudgetExhausted, or StoreUnavailable if the database does not answer.
        """
        today = self._clock().date()
        reservations = [Reservation(today, microusd_of(each)) for each in usd]
        total = Reservation(today, sum(each.microusd for each in reservations))
        if self._cap_microusd is not None and total.microusd > 0:
            try:
                if not self._take(total):
                    raise BudgetExhausted
            except Error as error:
                raise StoreUnavailable from error
        return reservations

    def settle(self, reservation: Reservation, usd: float) -> None:
        """Replace a reservation by the true cost: put the rest back, or take the difference."""
        difference = microusd_of(usd) - reservation.microusd
        if self._cap_microusd is None or not difference:
            return
        try:
            BudgetDay.objects.filter(day=reservation.day).update(
                committed_microusd=F("committed_microusd") + difference
            )
        except Error:
            # The budget then counts too much, never too little.
            logger.warning("A call's reservation stays in the budget: the database does not answer.")

    @property
    def is_capped(self) -> bool:
        return self._cap_microusd is not None

    def is_beyond(self, usd: float) -> bool:
        """Whether the price exceeds the cap of a whole day, so that waiting would not help."""
        return self._cap_microusd is not None and microusd_of(usd) > self._cap_microusd

    def can_afford(self, usd: float) -> bool:
        """Whether a call at this price would be granted now. Raises django.db.Error."""
        if self._cap_microusd is None:
            return True
        return self.committed_microusd() + microusd_of(usd) <= self._cap_microusd

    def committed_microusd(self) -> int:
        """Millionths of a US dollar spent and reserved today (UTC). Raises django.db.Error."""
        today = self._clock().date()
        found = BudgetDay.objects.filter(day=today).first()
        return max(found.committed_microusd if found else 0, _spent_microusd(today))

    def _take(self, reservation: Reservation) -> bool:
        assert self._cap_microusd is not None
        self._begin(reservation.day)
        days = BudgetDay.objects.filter(day=reservation.day)
        return book(days, reservation.microusd, self._cap_microusd, column="committed_microusd")

    def _begin(self, day: date) -> None:
        """Start the day's row with today's spending, because a cap may be set or raised during the day."""
        if self._begun == day:
            return
        spent = _spent_microusd(day)
        BudgetDay.objects.bulk_create([BudgetDay(day=day)], ignore_conflicts=True)
        BudgetDay.objects.filter(day=day, committed_microusd__lt=spent).update(committed_microusd=spent)
        self._begun = day


@dataclass(frozen=True, slots=True)
class BudgetToday:
    """Today's cap (UTC), and the money spent or reserved for calls under way."""

    cap_usd: float | None
    committed_usd: float

    @property
    def is_spent(self) -> bool:
        """Whether the rest does not pay for one more sentence."""
        sentence_usd = list_price_usd(live_rendition(conf().default_voice).model, SENTENCE_CHARACTERS)
        return self.cap_usd is not None and self.committed_usd + sentence_usd > self.cap_usd


def budget_today() -> BudgetToday:
    """Read today's budget. Raises django.db.Error."""
    committed = Budget(conf().daily_budget_usd).committed_microusd() / 1e6
    return BudgetToday(conf().daily_budget_usd, committed)


def _spent_microusd(day: date) -> int:
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    spent = Spending.objects.filter(hour__gte=begin, hour__lt=begin + timedelta(days=1))
    return spent.aggregate(total=Sum("cost_microusd"))["total"] or 0
