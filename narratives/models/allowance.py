"""DraftAllowance: US dollars a day for hearing drafts, shared by all who may write but not make clips."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from ttscache.models.booking import book, microusd_of

MOST_USD_A_DAY = 100.0


class DraftAllowance(models.Model):
    """The allowance that publishers set: one row, or none while the default holds."""

    usd_a_day = models.FloatField(
        "US dollars a day",
        default=0.10,
        validators=[MinValueValidator(0), MaxValueValidator(MOST_USD_A_DAY)],
        help_text="For all editors together, at list prices. The day begins at midnight UTC. 0 turns it off.",
    )

    class Meta:
        default_permissions: ClassVar[tuple[str, ...]] = ()  # whoever may publish sets it

    def __str__(self) -> str:
        return "Allowance for drafts"

    @classmethod
    def current(cls) -> DraftAllowance:
        """The row, or an unsaved one with the default. Raises django.db.Error."""
        return cls.objects.filter(pk=1).first() or cls(pk=1)

    @property
    def is_off(self) -> bool:
        return self.usd_a_day <= 0

    @property
    def left_usd(self) -> float:
        """The rest of today's allowance. Raises django.db.Error."""
        spent = DraftAllowanceDay.objects.filter(day=_today()).values_list("microusd", flat=True).first()
        return max(0.0, self.usd_a_day - (spent or 0) / 1e6)

    def spend(self, usd: float) -> bool:
        """Book a price for today (UTC). False, and nothing is booked, if too little is left.

        What a failed call did not cost is not put back. Raises django.db.Error.
        """
        if self.is_off:
            return False
        today = _today()
        DraftAllowanceDay.objects.bulk_create([DraftAllowanceDay(day=today)], ignore_conflicts=True)
        return book(
            DraftAllowanceDay.objects.filter(day=today), microusd_of(usd), microusd_of(self.usd_a_day)
        )


class DraftAllowanceDay(models.Model):
    """The sum spent of the allowance in a day (UTC), in millionths of a US dollar, at list prices."""

    day = models.DateField(primary_key=True)
    microusd = models.BigIntegerField(default=0)

    class Meta:
        default_permissions: ClassVar[tuple[str, ...]] = ()

    def __str__(self) -> str:
        return str(self.day)


def _today() -> date:
    return datetime.now(UTC).date()
