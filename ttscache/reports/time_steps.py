"""Steps of time, counted by the database: so that a year comes back as 53 rows, not 8,760."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Func, IntegerField

_EPOCH = {
    "sqlite": "CAST(strftime('%%%%s', %(expressions)s) AS INTEGER)",
    "postgresql": "CAST(EXTRACT(EPOCH FROM %(expressions)s) AS BIGINT)",
}


class StepOf(Func):
    """Which step since `since` the moment in this column belongs to, from 0. Not before it."""

    output_field = IntegerField()

    def __init__(self, column: str, since: datetime, step: timedelta) -> None:
        super().__init__(F(column))
        self.since, self.seconds = int(since.timestamp()), int(step.total_seconds())

    def as_sql(self, compiler: Any, connection: Any, *_: Any, **__: Any) -> Any:
        template = f"(({_EPOCH[connection.vendor]} - {self.since}) / {self.seconds})"
        return super().as_sql(compiler, connection, template=template)
