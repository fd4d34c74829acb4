"""Rows of counts that only ever grow, each known by its key. Many are added to in one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.db import connection, models

from ttscache.models import MOST_PARAMETERS, ClipDay, SoundStart, Spending, Usage

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Book:
    """A table whose `key` fields are unique together and start with the one that says when."""

    model: type[models.Model]
    key: tuple[str, ...]
    counts: tuple[str, ...]

    def add(self, figures: Mapping[Key, Sequence[int]]) -> None:
        """Add to each row its figures, in the order of `counts`; a row that is new begins with them.

        Safe beside any number of others who do the same. Raises Error.
        """
        # In one order everywhere, so that two who add to the same rows do not wait for each other.
        rows = iter([(*key, *figures[key]) for key in sorted(figures)])
        with connection.cursor() as cursor:
            while part := list(islice(rows, MOST_PARAMETERS // self._width)):
                cursor.execute(self._statement(len(part)), self._parameters(part))

    @property
    def _width(self) -> int:
        return len(self.key) + len(self.counts)

    def _parameters(self, rows: Sequence[Key]) -> list[Any]:
        """Moments and days as the database has them; words and numbers go as they are."""
        when = self.model._meta.get_field(self.key[0])
        assert isinstance(when, models.Field)
        known = {moment: when.get_db_prep_save(moment, connection) for moment in {row[0] for row in rows}}
        return [value for row in rows for value in (known[row[0]], *row[1:])]

    def _statement(self, rows: int) -> str:
        """INSERT ... ON CONFLICT, which the ORM has for replacing only; the same in SQLite and PostgreSQL."""
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


USAGE = Book(
    Usage,
    key=("hour", "content_type", "voice", "outcome", "latency_bucket"),
    counts=("requests", "characters", "audio_bytes", "worth_microusd", "warmed_hits"),
)
SPENDING = Book(
    Spending,
    key=("hour", "content_type", "voice", "model", "outcome"),
    counts=("calls", "characters", "cost_microusd"),
)
SOUND_STARTS = Book(SoundStart, key=("hour", "content_type", "voice", "latency_bucket"), counts=("starts",))
CLIP_DAYS = Book(ClipDay, key=("day", "content_hash"), counts=("requests",))
