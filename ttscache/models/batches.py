"""Splits lists that are too long for the parameters of one SQL statement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

MOST_PARAMETERS = 900  # in one statement; older builds of SQLite take no more than 999


T = TypeVar("T")


def in_batches(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield slices that fit one statement."""
    return (values[start : start + MOST_PARAMETERS] for start in range(0, len(values), MOST_PARAMETERS))
