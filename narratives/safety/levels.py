"""The four levels of care, from none to urgent."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Level(StrEnum):
    """How much care an answer needs. Each member equals its plain word, such as "urgent"."""

    NONE = "none"
    GRIEF = "grief"
    HEAVY = "heavy"
    URGENT = "urgent"

    @property
    def severity(self) -> int:
        """0 for none up to 3 for urgent. Compare this: the members themselves compare as words."""
        return _ORDER.index(self)


_ORDER = list(Level)


def highest(levels: Iterable[Level]) -> Level:
    return max(levels, key=lambda each: each.severity, default=Level.NONE)


def lowest(levels: Iterable[Level]) -> Level:
    return min(levels, key=lambda each: each.severity)
