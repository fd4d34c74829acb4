"""Thin django-q2 tasks over functions that anyone can call.

Their schedules are made in migrations/0005_schedules.py.
"""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

from django_q.tasks import async_task

from ttscache import warming
from ttscache.conf import conf
from ttscache.coordination import hosts
from ttscache.coordination.leases import is_process_alive
from ttscache.errors import Busy, TierError
from ttscache.maintenance import adopted_clips, cleanup, pruning, relocation
from ttscache.models import Clip, PruneRun
from ttscache.monitoring import alerts
from ttscache.renditions import retirement
from ttscache.reports.storage import note_not_asked_for
from ttscache.warming import popular, settings_changes, takeover, worker
from ttscache.wiring import speech_cache, storage_tier

logger = logging.getLogger(__name__)

PRUNE_SECONDS = 45.0  # then a successor goes on; a task may take no longer than its timeout


def make_queued_clips() -> None:
    """Work on what is queued, and call for a successor when time is over before the work is."""
    if is_stopping():
        return
    with speech_cache().ledger.flushed_every(conf().flush_seconds):
        worker.work_share(should_stop=is_stopping, when_begun=enqueue_workers)
    # While the provider is down the heartbeat calls, every few seconds; a successor at once would only spin.
    if not is_stopping() and not speech_cache().synthesizer.circuit.is_open:
        enqueue_workers()


def heartbeat() -> None:
    """Show that the cluster of this host takes tasks and ends them, and take up what was cut off.

    Called at every start, every few seconds by the supervisor, and every minute by schedule.
    """
    hosts.report_cluster_alive()
    hosts.forget_the_dead()
    warming.resume_paused(speech_cache().synthesizer.budget)
    takeover.switch_ready_renditions()  # whoever ends a run does so at once, unless that process is killed
    enqueue_workers()
    if relocation.start_upkeep_turn():
        async_task("ttscache.tasks.tend_clips", task_name="tend the clips", save=False)
    abandoned = pruning.abandoned_run()
    if abandoned is not None:
        pruning.call_for_prune(abandoned)
    if Clip.objects.unexamined().exists():
        async_task("ttscache.tasks.examine_adopted", task_name="examine adopted clips", save=False)


def tend_clips() -> None:
    """Keep for all what an outage left with one host; have objects where pins want them, and no others."""
    if is_stopping():
        return
    try:
        relocation.push_missing()
        storage = storage_tier()
        if storage is not None:
            relocation.settle_objects()
            storage.sweep()
    except TierError as error:
        logger.warning("The clips are tended later: %s", error)


def prune(run_id: str = "") -> None:
    """Called once a day by schedule, for a run that was handed over, and by itself until that has ended."""
    end = time.monotonic() + PRUNE_SECONDS

    def should_rest() -> bool:
        return time.monotonic() > end or is_stopping()

    if is_stopping():
        return
    try:
        run = pruning.prune_in_cluster(conf().stale_days, speech_cache(), run_id, should_rest)
    except Busy:
        return  # another one is at it; a run that waits is taken up by the heartbeat
    if run is None:
        return  # it had ended before
    if run.state != PruneRun.State.RUNNING:
        note_not_asked_for(conf().stale_days, pruning.find_stale(conf().stale_days))
    elif not is_stopping():
        pruning.call_for_prune(run)


def clean_up() -> None:
    """Called once a day by schedule."""
    cleanup.tidy()
    settings_changes.forget_installations()


def make_popular_reflections() -> None:
    """Called every night by schedule."""
    popular.make_popular()


def examine_adopted() -> None:
    """A batch of it; the next beat calls for the next."""
    if is_stopping():
        return
    cache = speech_cache()
    held = cache.leases.acquire("examine-adopted")
    if held is None:
        return  # another one is at it
    try:
        adopted_clips.examine_adopted_clips()
    finally:
        cache.leases.release(held)


def look_for_trouble() -> None:
    """Called every other minute by schedule."""
    if is_stopping():
        return
    leases = speech_cache().leases
    held = leases.acquire("look-for-trouble")
    if held is None:
        return  # another host is at it
    try:
        alerts.look()
    finally:
        leases.release(held)


def look_at_models_daily() -> None:
    """Called every hour by schedule: an hour later it tries again what failed."""
    if not is_stopping():
        retirement.look_once_a_day(speech_cache().leases)


def enqueue_workers() -> None:
    """Whoever holds the slots calls for a successor in turn; one more would only find them taken."""
    if worker.is_work_left() and worker.is_slot_free() and not worker.is_cooling_down():
        warming.enqueue_worker()


def is_stopping() -> bool:
    """Whether the supervisor of this cluster has begun to stop, or is gone: then no new item is taken."""
    mark, supervisor = os.environ.get("LIFEREVIEW_STOPPING_MARK"), os.environ.get("LIFEREVIEW_SUPERVISOR")
    if not mark or not supervisor:
        return False  # run by another supervisor, which waits until the work is done
    return Path(mark).exists() or not is_process_alive(int(supervisor))
