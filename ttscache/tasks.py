"""Thin django-q2 tasks over the deeds, and when each one runs."""

from __future__ import annotations

import os
from pathlib import Path

from django_q.tasks import async_task

from ttscache import examining, readiness, warming
from ttscache.claims import is_process_alive
from ttscache.wiring import speech_cache


def warm() -> None:
    """Work on what is queued, and call for a successor when time is over before the work is."""
    if is_stopping():
        return
    try:
        warming.pull(should_stop=is_stopping)
    finally:
        speech_cache().ledger.flush()
    if not is_stopping():
        _call_for_hands()


def heartbeat() -> None:
    """Show that the cluster of this host takes tasks and ends them, and take up what was cut off.

    Called at every start, every few seconds by the supervisor, and every minute by schedule.
    """
    readiness.cluster_is_alive()
    readiness.forget_the_dead()
    _call_for_hands()
    if examining.is_work_left():
        async_task("ttscache.tasks.examine_adopted", task_name="examine adopted clips", save=False)


def examine_adopted() -> None:
    """A batch of it; the next beat calls for the next."""
    if is_stopping():
        return
    cache = speech_cache()
    held = cache.claims.take("examine-adopted")
    if held is None:
        return  # another one is at it
    try:
        examining.examine_adopted()
    finally:
        cache.claims.give_back(held)


def _call_for_hands() -> None:
    """Whoever holds the slots calls for a successor in turn; one more would only find them taken."""
    if warming.is_work_left() and warming.is_slot_free():
        warming.call_pullers()


def is_stopping() -> bool:
    """Whether the supervisor of this cluster has begun to stop, or is gone: then no new item is taken."""
    mark, supervisor = os.environ.get("LIFEREVIEW_STOPPING_MARK"), os.environ.get("LIFEREVIEW_SUPERVISOR")
    if not mark or not supervisor:
        return False  # run by another supervisor, which waits until the work is done
    return Path(mark).exists() or not is_process_alive(int(supervisor))
