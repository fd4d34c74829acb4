"""What may be spent in a day (UTC) over all processes and hosts: reserved before a call, settled after."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db import DatabaseError
from django.db.models import F, Sum

from ttscache.errors import BudgetExhausted, StoreUnavailable
from ttscache.models import BudgetDay, Spending

logger = logging.getLogger(__name__)


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Reservation:
    """Money set aside for one call."""

    day: date
    microusd: int


class Budget:
    """`usd_a_day` is the cap; without one nothing is written and everything is granted.

    What is reserved by a process that is killed stays so: its call may have been paid for.
    """

    def __init__(self, usd_a_day: float | None = None, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._cap_microusd = None if usd_a_day is None else _microusd(usd_a_day)
        self._clock = clock

    def reserve(self, usd: float) -> Reservation | None:
        """Set the price of a call aside. Raises BudgetExhausted, and StoreUnavailable without a database."""
        if self._cap_microusd is None or usd <= 0:
            return None
        reservation = Reservation(self._clock().date(), _microusd(usd))
        try:
            if not self._take(reservation):
                raise BudgetExhausted(retry_after_seconds=self._seconds_until_tomorrow())
        except DatabaseError as error:
            raise StoreUnavailable from error
        return reservation

    def settle(self, reservation: Reservation | None, usd: float) -> None:
        """Put back what the call did not cost, or take what it cost beyond."""
        if reservation is None:
            return
        difference = _microusd(usd) - reservation.microusd
        try:
            BudgetDay.objects.filter(day=reservation.day).update(
                committed_microusd=F("committed_microusd") + difference
            )
        except DatabaseError:
            logger.warning("A call's reservation stays in the budget; the database does not answer.")

    def can_afford(self, usd: float) -> bool:
        """Whether a call at this price would be granted just now. Raises DatabaseError."""
        if self._cap_microusd is None:
            return True
        return self.committed_microusd() + _microusd(usd) <= self._cap_microusd

    def committed_microusd(self) -> int:
        """Spent and reserved today. Raises DatabaseError."""
        today = self._clock().date()
        found = BudgetDay.objects.filter(day=today).first()
        return found.committed_microusd if found else _spent_microusd(today)

    def _seconds_until_tomorrow(self) -> float:
        now = self._clock()
        midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return max(1.0, (midnight - now).total_seconds())

    def _take(self, reservation: Reservation) -> bool:
        assert self._cap_microusd is not None
        days = BudgetDay.objects.filter(day=reservation.day)
        if not days.exists():
            # A cap that is set in the middle of a day counts what the day has cost already.
            begun = BudgetDay(day=reservation.day, committed_microusd=_spent_microusd(reservation.day))
            BudgetDay.objects.bulk_create([begun], ignore_conflicts=True)
        # One conditional statement: its row count decides.
        affordable = days.filter(committed_microusd__lte=self._cap_microusd - reservation.microusd)
        return bool(affordable.update(committed_microusd=F("committed_microusd") + reservation.microusd))


def _microusd(usd: float) -> int:
    return round(usd * 1e6)


def _spent_microusd(day: date) -> int:
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    spent = Spending.objects.filter(hour__gte=begin, hour__lt=begin + timedelta(days=1))
    return spent.aggregate(total=Sum("cost_microusd"))["total"] or 0
