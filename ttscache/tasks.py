"""Thin django-q2 tasks over the deeds, and when each one runs."""

from __future__ import annotations

import os
from pathlib import Path

from ttscache import readiness, warming
from ttscache.wiring import speech_cache


def warm() -> None:
    """Work on what is queued, and call for a successor when time is over before the work is."""
    if is_stopping():
        return
    warming.pull(should_stop=is_stopping)
    speech_cache().ledger.flush()
    if not is_stopping() and warming.is_work_left():
        warming.call_pullers()


def heartbeat() -> None:
    """Show that the cluster of this host takes tasks and ends them, and take up what was cut off.

    Called at every start, every few seconds by the supervisor, and every minute by schedule.
    """
    readiness.cluster_is_alive()
    if warming.is_work_left() and warming.is_slot_free():
        warming.call_pullers()


def is_stopping() -> bool:
    """Whether the supervisor of this host has begun to stop: then no new item is taken."""
    mark = os.environ.get("LIFEREVIEW_STOPPING_MARK")
    return bool(mark) and Path(str(mark)).exists()
