"""Step: one thing that adoption does, said for people and for the database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.backends.utils import CursorWrapper

Parameters = tuple[Any, ...]


class CannotAdopt(RuntimeError):
    """An existing table lacks what cannot be made up, or is not ours to change."""


@dataclass(frozen=True, slots=True)
class Statement:
    sql: str
    parameters: Parameters = ()


@dataclass(frozen=True, slots=True)
class Step:
    """What is done to a table; without statements, what is found there. `details` name rows, never words."""

    table: str
    says: str
    statements: tuple[Statement, ...] = ()
    details: tuple[str, ...] = ()
    makes: str = ""  # the table that it creates

    @classmethod
    def of(cls, table: str, says: str, *sql: str) -> Step:
        return cls(table, says, tuple(Statement(each) for each in sql))


@dataclass(frozen=True, slots=True)
class AdoptionPlan:
    """All steps in the order in which they are taken."""

    steps: tuple[Step, ...]

    @property
    def statements(self) -> list[Statement]:
        return [statement for step in self.steps for statement in step.statements]

    def lines(self, *, most_details: int | None = None) -> Iterator[str]:
        for step in self.steps:
            yield f"{step.table}: {step.says}"
            yield from (f"    {detail}" for detail in _first(step.details, most_details))

    def perform(self, cursor: CursorWrapper) -> None:
        for statement in self.statements:
            cursor.execute(statement.sql, statement.parameters or None)


def _first(details: Sequence[str], most: int | None) -> Iterator[str]:
    yield from details[:most]
    if most is not None and len(details) > most:
        yield f"and {len(details) - most} more (all of them with --verbosity 2)"
