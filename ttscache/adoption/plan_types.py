"""AdoptionPlan and its steps, each a sentence for people and SQL; CannotAdopt, the refusal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError
from django.db.backends.utils import CursorWrapper

Parameters = tuple[Any, ...]


# Classes of errors whose message may quote a value of a row, and the one of them that never does.
_QUOTES_VALUES, _TOO_LONG = ("22", "P0", "XX"), "22001"
_NAMES_DEPENDANTS = ("2BP01", "0A000")  # their detail lists objects, never values


_OUTAGES = ("08", "40", "53", "55P03", "57", "58")


def is_outage(error: DatabaseError) -> bool:
    """Whether the connection, a lock or the server is to blame, and no property of the tables."""
    state: str = getattr(error.__cause__, "sqlstate", None) or ""
    return not state or state.startswith(_OUTAGES)


class CannotAdopt(RuntimeError):
    """A found table cannot be adopted as it is. One line says what is in the way and what to do."""

    @classmethod
    def because(cls, error: DatabaseError, doing: str, advice: str) -> CannotAdopt:
        """Turn an error of PostgreSQL into one line that names objects and never quotes a row."""
        return cls(f"{doing}: PostgreSQL refuses ({_reason(error)}). Nothing was changed: {advice}")


def _reason(error: DatabaseError) -> str:
    state: str = getattr(error.__cause__, "sqlstate", None) or ""
    about: Any = getattr(error.__cause__, "diag", None)
    if about is None:
        return type(error).__name__
    named = {
        "constraint": about.constraint_name,
        "type": about.datatype_name,
        "column": about.column_name,
        "table": about.table_name,
    }
    parts = [f"{kind} {name}" for kind, name in named.items() if name]
    if state == _TOO_LONG or not state.startswith(_QUOTES_VALUES):
        parts.insert(0, about.message_primary or "")
    if state in _NAMES_DEPENDANTS:
        parts.append(about.message_detail or "")
    return " ".join("; ".join(filter(None, parts)).split()) or f"error {state}"


@dataclass(frozen=True, slots=True)
class Statement:
    sql: str
    parameters: Parameters = ()
    is_about_bytes: bool = False  # it rewrites the bytes of clips, which a rehearsal leaves out

    def perform(self, cursor: CursorWrapper) -> None:
        cursor.execute(self.sql, self.parameters or None)


@dataclass(frozen=True, slots=True)
class Step:
    """One action on a table, or a finding if it has no statements. `details` name rows, never their text."""

    table: str
    says: str
    statements: tuple[Statement, ...] = ()
    details: tuple[str, ...] = ()
    makes: str = ""  # the table it creates
    set_aside: tuple[str, ...] = ()  # ids of the rows that leave their table

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

    def perform(self, cursor: CursorWrapper, *, with_bytes: bool = True) -> None:
        """Take all steps. Raises CannotAdopt if PostgreSQL refuses one; roll the transaction back then."""
        for step in self.steps:
            for statement in step.statements:
                if statement.is_about_bytes and not with_bytes:
                    continue
                try:
                    statement.perform(cursor)
                except DatabaseError as error:
                    if is_outage(error):
                        raise
                    advice = "change or drop what is named, then migrate."
                    raise CannotAdopt.because(error, f"{step.table}: {step.says}", advice) from error


def _first(details: Sequence[str], most: int | None) -> Iterator[str]:
    yield from details[:most]
    if most is not None and len(details) > most:
        yield f"and {len(details) - most} more (all of them with --verbosity 2)"
