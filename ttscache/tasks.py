"""django-q2 tasks. They are thin: each calls a function that can also be called without a cluster.

migrations/0005_schedules.py creates their schedules.
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
from ttscache.coordination.processes import is_process_alive
from ttscache.delivery import edge_log
from ttscache.errors import Busy, TierError
from ttscache.maintenance import adopted_clips, pruning, relocation, upkeep
from ttscache.models import Clip, PruneRun
from ttscache.monitoring import alerts
from ttscache.renditions import retirement
from ttscache.reports.storage import note_stale_total
from ttscache.warming import popular, rendition_switch, settings_changes, worker
from ttscache.wiring import speech_cache, storage_tier

logger = logging.getLogger(__name__)

EDGE_LOG_SECONDS = 45.0  # the next minute's task continues
PRUNE_SECONDS = 45.0  # then another task continues: django-q2 kills a task at its timeout


def make_queued_clips() -> None:
    """Make queued clips for a while, and enqueue another task if there is work left."""
    if is_stopping():
        return
    with speech_cache().ledger.flushed_every(conf().flush_seconds):
        worker.work_share(should_stop=is_stopping, when_begun=enqueue_workers)
    # While the provider is down, the heartbeat enqueues workers every few seconds. Doing so here would spin.
    if not is_stopping() and not speech_cache().synthesizer.circuit.is_open:
        enqueue_workers()


def heartbeat() -> None:
    """Report that this host's cluster finishes tasks, and resume work that was cut off.

    It runs at every start, every few seconds by the supervisor, and every minute by schedule.
    """
    hosts.report_cluster_alive()
    hosts.forget_the_dead()
    warming.resume_paused(speech_cache().synthesizer.budget)
    rendition_switch.switch_ready_renditions()  # usually done when a run ends, but that process may be killed
    enqueue_workers()
    if relocation.start_tending_turn():
        async_task("ttscache.tasks.tend_clips", task_name="tend the clips", save=False)
    abandoned = pruning.abandoned_run()
    if abandoned is not None:
        pruning.call_for_prune(abandoned)
    if Clip.objects.unexamined().exists():
        async_task("ttscache.tasks.examine_adopted", task_name="examine adopted clips", save=False)


def tend_clips() -> None:
    """Store clips that an outage left with this host only, and put objects where their pins want them."""
    if is_stopping():
        return
    try:
        relocation.push_missing()
        storage = storage_tier()
        if storage is not None:
            relocation.settle_objects()
            storage.sweep()
    except TierError as error:
        logger.warning("The tending of the clips waits: %s", error)


def prune(run_id: str = "") -> None:
    """Remove stale clips. Without a run it begins the nightly one; it enqueues itself until the run ends."""
    # The clock starts here and not at the first batch: listing stale clips may take most of the time.
    end = time.monotonic() + PRUNE_SECONDS

    def should_rest() -> bool:
        return time.monotonic() > end or is_stopping()

    if is_stopping():
        return
    try:
        run = pruning.prune_in_cluster(conf().stale_days, speech_cache(), run_id, should_rest)
    except Busy:
        return  # another prune is running; the heartbeat resumes a run that waits
    if run is None:
        return  # the run had already ended
    if run.state != PruneRun.State.RUNNING:
        note_stale_total(conf().stale_days, pruning.find_stale(conf().stale_days))
    elif not is_stopping():
        pruning.call_for_prune(run)


def clean_up() -> None:
    """The daily upkeep, by a schedule. The database holds the name of this function."""
    upkeep.do_upkeep()
    settings_changes.forget_installations()


def make_popular_reflections() -> None:
    """Runs every night by schedule."""
    popular.make_popular()


def examine_adopted() -> None:
    """Examine one batch of adopted clips; the next heartbeat enqueues the next batch."""
    if is_stopping():
        return
    cache = speech_cache()
    held = cache.leases.acquire("examine-adopted")
    if held is None:
        return  # another process does it now
    try:
        adopted_clips.examine_adopted_clips()
    finally:
        cache.leases.release(held)


def look_for_trouble() -> None:
    """Runs every other minute by schedule."""
    if is_stopping():
        return
    leases = speech_cache().leases
    held = leases.acquire("look-for-trouble")
    if held is None:
        return  # another host looks now
    try:
        alerts.check_alerts()
    finally:
        leases.release(held)


def count_edge_log() -> None:
    """Runs every minute by schedule, on any host. It does nothing where nginx writes no log."""
    log = conf().nginx_log
    if log is not None and not is_stopping():
        end = time.monotonic() + EDGE_LOG_SECONDS
        edge_log.count_log(log, speech_cache(), should_stop=lambda: time.monotonic() > end or is_stopping())


def look_at_models_daily() -> None:
    """Runs every hour by schedule, although the list is read once a day: a failed reading is tried again."""
    if not is_stopping():
        retirement.look_once_a_day(speech_cache().leases)


def enqueue_workers() -> None:
    """Enqueue a worker if there is work and a free slot. Workers that hold slots enqueue their successors."""
    if worker.is_work_left() and worker.is_slot_free() and not worker.is_cooling_down():
        warming.enqueue_worker()


def is_stopping() -> bool:
    """Whether this cluster's supervisor is stopping or dead. Tasks then take no new item."""
    mark, supervisor = os.environ.get("LIFEREVIEW_STOPPING_MARK"), os.environ.get("LIFEREVIEW_SUPERVISOR")
    if not mark or not supervisor:
        return False  # some other supervisor runs this cluster, and waits for its tasks
    return Path(mark).exists() or not is_process_alive(int(supervisor))
