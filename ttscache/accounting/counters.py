"""Tables of counts that only ever grow. One statement adds to many rows."""

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
    """A table whose `key` fields are unique together and start with the one that says when."""

    model: type[models.Model]
    key: tuple[str, ...]
    counts: tuple[str, ...]

    def add(self, figures: Mapping[Key, Sequence[int]]) -> None:
        """Add figures to the row of each key, in the order of `counts`; a new row begins with them.

        Any number of processes may do so at once. Raises Error.
        """
        # Always in the same order, so that two processes adding to the same rows cannot deadlock.
        rows = iter([(*key, *figures[key]) for key in sorted(figures)])
        width = len(self.key) + len(self.counts)
        with connection.cursor() as cursor:
            while part := list(islice(rows, MOST_PARAMETERS // width)):
                cursor.execute(self._statement(len(part)), self._parameters(part))

    def _parameters(self, rows: Sequence[Key]) -> list[Any]:
        """Moments and days are converted for the database once each; words and numbers go as they are."""
        when = self.model._meta.get_field(self.key[0])
        assert isinstance(when, models.Field)
        known = {moment: when.get_db_prep_save(moment, connection) for moment in {row[0] for row in rows}}
        return [value for row in rows for value in (known[row[0]], *row[1:])]

    def _statement(self, rows: int) -> str:
        """INSERT ... ON CONFLICT, as SQLite and PostgreSQL both know it: the ORM can replace, but not add."""
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
