"""What may be spent in a day (UTC) over all processes and hosts: reserved before a call, settled after."""

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
from ttscache.renditions.current import live_rendition

logger = logging.getLogger(__name__)

SENTENCE_CHARACTERS = 100


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Reservation:
    day: date
    microusd: int


class Budget:
    """`usd_a_day` is the cap; without one nothing is written and everything is granted.

    A reservation of a process that is killed stays: its call may have been paid for.
    """

    def __init__(self, usd_a_day: float | None = None, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._cap_microusd = None if usd_a_day is None else _microusd(usd_a_day)
        self._clock = clock
        self._begun: date | None = None

    def reserve(self, *usd: float) -> list[Reservation]:
        """Set the prices of so many calls aside, all or none.

        Raises BudgetExhausted, and StoreUnavailable without a database.
        """
        today = self._clock().date()
        reservations = [Reservation(today, _microusd(each)) for each in usd]
        total = Reservation(today, sum(each.microusd for each in reservations))
        if self._cap_microusd is not None and total.microusd > 0:
            try:
                if not self._take(total):
                    raise BudgetExhausted
            except Error as error:
                raise StoreUnavailable from error
        return reservations

    def settle(self, reservation: Reservation, usd: float) -> None:
        """Put back what the call did not cost, or take what it cost beyond."""
        difference = _microusd(usd) - reservation.microusd
        if self._cap_microusd is None or not difference:
            return
        try:
            BudgetDay.objects.filter(day=reservation.day).update(
                committed_microusd=F("committed_microusd") + difference
            )
        except Error:
            logger.warning("A call's reservation stays in the budget; the database does not answer.")

    @property
    def is_capped(self) -> bool:
        return self._cap_microusd is not None

    def is_beyond(self, usd: float) -> bool:
        """Whether no day has so much money."""
        return self._cap_microusd is not None and _microusd(usd) > self._cap_microusd

    def can_afford(self, usd: float) -> bool:
        """Whether a call at this price would be granted just now. Raises Error."""
        if self._cap_microusd is None:
            return True
        return self.committed_microusd() + _microusd(usd) <= self._cap_microusd

    def committed_microusd(self) -> int:
        """Spent and reserved today. Raises Error."""
        today = self._clock().date()
        found = BudgetDay.objects.filter(day=today).first()
        return max(found.committed_microusd if found else 0, _spent_microusd(today))

    def _take(self, reservation: Reservation) -> bool:
        assert self._cap_microusd is not None
        self._begin(reservation.day)
        days = BudgetDay.objects.filter(day=reservation.day)
        # One conditional statement: its row count decides.
        affordable = days.filter(committed_microusd__lte=self._cap_microusd - reservation.microusd)
        return bool(affordable.update(committed_microusd=F("committed_microusd") + reservation.microusd))

    def _begin(self, day: date) -> None:
        """Begin a day with what was spent on it so far: a cap may be set, or raised, in the middle of it."""
        if self._begun == day:
            return
        spent = _spent_microusd(day)
        BudgetDay.objects.bulk_create([BudgetDay(day=day)], ignore_conflicts=True)
        BudgetDay.objects.filter(day=day, committed_microusd__lt=spent).update(committed_microusd=spent)
        self._begun = day


@dataclass(frozen=True, slots=True)
class BudgetToday:
    """What may be spent today (UTC), and what is spent or set aside for calls under way."""

    cap_usd: float | None
    committed_usd: float

    @property
    def is_spent(self) -> bool:
        """Whether not even an ordinary sentence can be paid for any more."""
        sentence_usd = list_price_usd(live_rendition(conf().default_voice).model, SENTENCE_CHARACTERS)
        return self.cap_usd is not None and self.committed_usd + sentence_usd > self.cap_usd


def budget_today() -> BudgetToday:
    """Raises Error."""
    committed = Budget(conf().daily_budget_usd).committed_microusd() / 1e6
    return BudgetToday(conf().daily_budget_usd, committed)


def _microusd(usd: float) -> int:
    return round(usd * 1e6)


def _spent_microusd(day: date) -> int:
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    spent = Spending.objects.filter(hour__gte=begin, hour__lt=begin + timedelta(days=1))
    return spent.aggregate(total=Sum("cost_microusd"))["total"] or 0
