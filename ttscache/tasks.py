"""Thin django-q2 tasks over the deeds, and when each one runs."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from django_q.tasks import async_task

from ttscache import moving, readiness, tidying, warming
from ttscache.claims import is_process_alive
from ttscache.conf import conf
from ttscache.errors import TierError
from ttscache.wiring import speech_cache, storage_tier

logger = logging.getLogger(__name__)


def warm() -> None:
    """Work on what is queued, and call for a successor when time is over before the work is."""
    if is_stopping():
        return
    with speech_cache().ledger.flushed_every(conf().flush_seconds):
        warming.pull(should_stop=is_stopping)
    if not is_stopping():
        _call_for_hands()


def heartbeat() -> None:
    """Show that the cluster of this host takes tasks and ends them, and take up what was cut off.

    Called at every start, every few seconds by the supervisor, and every minute by schedule.
    """
    readiness.cluster_is_alive()
    readiness.forget_the_dead()
    warming.resume_paused(speech_cache().speaker.budget)
    _call_for_hands()
    if moving.is_upkeep_due():
        async_task("ttscache.tasks.tend_bucket", task_name="tend the bucket", save=False)


def tend_bucket() -> None:
    """Move objects where their pins want them, keep what an outage kept from it, remove what is left over."""
    storage = storage_tier()
    if storage is None or is_stopping():
        return
    try:
        moving.settle_objects()
        moving.push_missing()
        storage.sweep()
    except TierError as error:
        logger.warning("The bucket is tended later: %s", error)


def tidy() -> None:
    """Called once a day by schedule."""
    tidying.tidy()


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
