"""Keeps one unusable schedule from stopping the others.

django-q2 starts all due schedules in one transaction, and an error in one rolls back all of them. So
schedules that would raise an error are set aside first: without a next run django-q2 does not look at them.
"""

from __future__ import annotations

import ast
import logging
from collections.abc import Callable
from typing import Any

import django_q.scheduler
from django.utils import timezone
from django_q.models import Schedule

logger = logging.getLogger(__name__)

MOST_MISSED_RUNS = 6_000_000  # django-q2 counts through all missed runs of a schedule; this many take minutes


def problem_of(schedule: Schedule) -> tuple[str, str]:
    """The field that keeps the schedule from running, and why; two empty texts if it can run.

    It reads the arguments as django-q2 does, and counts one run further. It never raises.
    """
    if reason := _problem_of_arguments(schedule.args):
        return "args", reason
    if reason := _problem_of_keywords(schedule.kwargs):
        return "kwargs", reason
    known = {kind for kind, _ in Schedule.TYPE}
    if schedule.schedule_type not in known:
        return "schedule_type", "Its kind is unknown."
    if schedule.schedule_type == Schedule.ONCE:
        return "", ""
    is_cron = schedule.schedule_type == Schedule.CRON
    if schedule.schedule_type == Schedule.MINUTES and (schedule.minutes or 1) < 0:
        return "minutes", "Its minutes are less than one."
    start = schedule.next_run or timezone.now()
    try:
        following = schedule.calculate_next_run(start)
        if not is_cron and (timezone.now() - start) / (following - start) > MOST_MISSED_RUNS:
            return "next_run", "Its next run lies too far back."
    except Exception:  # croniter and django-q2 raise errors of many kinds, and none may get out
        if is_cron:
            return "cron", "Its cron expression cannot be read, or names a day that never comes."
        return "next_run", "The run after its next one cannot be computed."
    return "", ""


def _problem_of_arguments(given: str | None) -> str:
    if given:
        try:
            ast.literal_eval(given)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            return "Its arguments cannot be read: write them like 1, 2, 'John'."
    return ""


def _problem_of_keywords(given: str | None) -> str:
    unreadable = "Its keyword arguments cannot be read: write them like x=1, name='John'."
    if not given:
        return ""
    try:
        value = ast.literal_eval(given)
    except (ValueError, SyntaxError):
        value = None
    except (TypeError, MemoryError, RecursionError):
        return unreadable
    if value is None:
        try:
            call: Any = ast.parse(f"f({given})").body[0]
            value = {each.arg: ast.literal_eval(each.value) for each in call.value.keywords}
            if len(call.value.args) or call.value.func.id != "f":
                return unreadable
        except (ValueError, TypeError, SyntaxError, AttributeError, MemoryError, RecursionError):
            return unreadable
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        return unreadable
    if not isinstance(value.get("q_options", {}), dict):
        return "Its q_options must be names and values in braces."
    return ""


def set_unusable_aside() -> None:
    """Take the next run from due schedules that would raise an error. Raises Error."""
    due = Schedule.objects.exclude(repeats=0).filter(next_run__lt=timezone.now())
    for schedule in due:
        _, reason = problem_of(schedule)
        # Staff may have corrected it meanwhile: then another value is in its place.
        seen = {name: getattr(schedule, name) for name in ("next_run", "args", "kwargs", "cron", "minutes")}
        if reason and Schedule.objects.filter(pk=schedule.pk, **seen).update(next_run=None):
            logger.error("The schedule %s does not run. %s", schedule.name or schedule.pk, reason)


def unusable_schedules() -> list[str]:
    """A sentence for each schedule that does not run, although it should. Raises Error."""
    found: list[str] = []
    for schedule in Schedule.objects.exclude(repeats=0).order_by("pk"):
        _, reason = problem_of(schedule)
        if not reason and schedule.next_run is None:
            reason = "It has no next run."
        if reason:
            found.append(f"{schedule.name or schedule.pk}: {reason}")
    return found


def guard_scheduler() -> None:
    """Let django-q2 set unusable schedules aside before it starts the due ones. Call it once a process."""
    start_due: Callable[..., None] = django_q.scheduler.scheduler

    def scheduler(broker: Any = None) -> None:
        django_q.scheduler.close_old_django_connections()
        try:
            set_unusable_aside()
        except Exception:  # the guard of the cluster must not end when the database is away
            logger.exception("The schedules could not be looked at.")
        start_due(broker=broker)

    django_q.scheduler.scheduler = scheduler
