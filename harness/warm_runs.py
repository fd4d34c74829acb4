"""Warm runs that this process works off, without a task cluster."""

from __future__ import annotations

from django_q.models import OrmQ

from ttscache.models import WarmRun
from ttscache.warming import worker


def finished(run: WarmRun) -> WarmRun:
    """Make all clips that wait, and return the run as it then is."""
    worker.work(seconds=20)
    run.refresh_from_db()
    return run


def states(run: WarmRun) -> list[str]:
    """The states of its items, in their order."""
    return list(run.items.values_list("state", flat=True))


def workers_enqueued() -> int:
    """How many tasks wait that make clips."""
    return sum(task.task["func"] == "ttscache.tasks.make_queued_clips" for task in OrmQ.objects.all())
