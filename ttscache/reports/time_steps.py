"""Steps of time, grouped by the database, so that a year of hours comes back as 52 rows and not 8,736."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Func, IntegerField

_EPOCH = {
    "sqlite": "CAST(strftime('%%%%s', %(expressions)s) AS INTEGER)",
    "postgresql": "CAST(EXTRACT(EPOCH FROM %(expressions)s) AS BIGINT)",
}


class StepOf(Func):
    """The number of the step that a column's moment falls into, counted from 0 at `since`.

    Moments before `since` give wrong numbers: filter them out.
    """

    output_field = IntegerField()

    def __init__(self, column: str, since: datetime, step: timedelta) -> None:
        super().__init__(F(column))
        self.since, self.seconds = int(since.timestamp()), int(step.total_seconds())

    def as_sql(self, compiler: Any, connection: Any, *_: Any, **__: Any) -> Any:
        template = f"(({_EPOCH[connection.vendor]} - {self.since}) / {self.seconds})"
        return super().as_sql(compiler, connection, template=template)
