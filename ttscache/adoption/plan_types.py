"""Step: one action of an adoption, as a sentence for people and as SQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.backends.utils import CursorWrapper

Parameters = tuple[Any, ...]


class CannotAdopt(RuntimeError):
    """An existing table lacks a column that cannot be filled, or we may not change it."""


@dataclass(frozen=True, slots=True)
class Statement:
    sql: str
    parameters: Parameters = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One action on a table, or a finding if it has no statements. `details` name rows, never their text."""

    table: str
    says: str
    statements: tuple[Statement, ...] = ()
    details: tuple[str, ...] = ()
    makes: str = ""  # the table it creates

    @classmethod
    def of(cls, table: str, says: str, *sql: str) -> Step:
        return cls(table, says, tuple(Statement(each) for each in sql))


@dataclass(frozen=True, slots=True)
class AdoptionPlan:
    """All steps, in the order in which they are taken."""

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
