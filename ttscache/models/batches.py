"""How many values one statement takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

MOST_PARAMETERS = 900  # of one statement; SQLite may be built for no more than 999 parameters


T = TypeVar("T")


def in_batches(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """As many as one statement takes."""
    return (values[start : start + MOST_PARAMETERS] for start in range(0, len(values), MOST_PARAMETERS))
