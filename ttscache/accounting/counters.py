"""Counter tables: their figures only grow, and one statement adds to many rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.db import connection, models

from ttscache.models import MOST_PARAMETERS, DailyRequests, PlaybackStart, Spending, Usage

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class CounterTable:
    """A table of counts. Its `key` fields are unique together; the first one is the hour or day."""

    model: type[models.Model]
    key: tuple[str, ...]
    counts: tuple[str, ...]

    def add(self, figures: Mapping[Key, Sequence[int]]) -> None:
        """Add figures, in the order of `counts`, to the row of each key; create the row if it is missing.

        Safe in any number of processes at once. Raises django.db.Error.
        """
        # Sorted, so that two processes that add to the same rows cannot deadlock.
        rows = iter([(*key, *figures[key]) for key in sorted(figures)])
        width = len(self.key) + len(self.counts)
        with connection.cursor() as cursor:
            while part := list(islice(rows, MOST_PARAMETERS // width)):
                cursor.execute(self._statement(len(part)), self._parameters(part))

    def _parameters(self, rows: Sequence[Key]) -> list[Any]:
        """Convert each distinct moment once: conversion is the slow part of a large batch."""
        when = self.model._meta.get_field(self.key[0])
        assert isinstance(when, models.Field)
        known = {moment: when.get_db_prep_save(moment, connection) for moment in {row[0] for row in rows}}
        return [value for row in rows for value in (known[row[0]], *row[1:])]

    def _statement(self, rows: int) -> str:
        """Build INSERT ... ON CONFLICT, which SQLite and PostgreSQL share.

        Django's `bulk_create(update_conflicts=True)` can replace a value, but not add to it.
        """
        quote = connection.ops.quote_name
        table = quote(self.model._meta.db_table)
        key, counts = [quote(name) for name in self.key], [quote(name) for name in self.counts]
        columns = [*key, *counts]
        row = f"({', '.join(['%s'] * len(columns))})"
        sums = ", ".join(f"{count} = {table}.{count} + excluded.{count}" for count in counts)
        return (
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * rows)} "  # noqa: S608
            f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {sums}"
        )


USAGE = CounterTable(
    Usage,
    key=("hour", "content_type", "voice", "outcome", "latency_bucket"),
    counts=("requests", "characters", "audio_bytes", "list_price_microusd", "warmed_hits"),
)
SPENDING = CounterTable(
    Spending,
    key=("hour", "content_type", "voice", "model", "outcome"),
    counts=("calls", "characters", "cost_microusd"),
)
PLAYBACK_STARTS = CounterTable(
    PlaybackStart, key=("hour", "content_type", "voice", "latency_bucket"), counts=("starts",)
)
DAILY_REQUESTS = CounterTable(DailyRequests, key=("day", "content_hash"), counts=("requests",))
