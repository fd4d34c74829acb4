"""Health of each part of the service, for /readyz."""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.core import checks
from django.core.cache import caches
from django.core.cache.backends.redis import RedisCache
from django.core.signals import setting_changed
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor

from ttscache import hooks
from ttscache.adaptive_cache import cache_errors, shared_cache
from ttscache.conf import conf
from ttscache.coordination.hosts import HEARTBEAT_LOST_SECONDS, is_cluster_alive
from ttscache.errors import TierError
from ttscache.models import ClipFile
from ttscache.monitoring.schedules import unusable_schedules
from ttscache.renditions.current import live_rendition
from ttscache.renditions.retirement import watched_models
from ttscache.wiring import storage_tier

HEARTBEAT_SECONDS = 10
PENDING_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    is_ready: bool
    detail: str
    is_warning: bool = False


def parts() -> list[Part]:
    """Look at each part of the service. Never raises.

    If the database is down, the parts that live in it are not asked, so that only one timeout is waited for.
    Models that end soon or have ended are only warnings, like those of the app above: saved clips still play,
    and a restart of the process would not help.
    """
    database = _look("database", _database)
    in_database = _look if database.is_ready else _without_database
    return [
        database,
        _look("local files", _local_files),
        in_database("permanent tier", _permanent_tier),
        in_database("task cluster", _task_cluster),
        _look("provider settings", _speaking if database.is_ready else _provider_settings),
        *_redis(),
        *(_schedules() if database.is_ready else ()),
        *(_models() if database.is_ready else ()),
        *(
            Part(name, True, detail, is_warning=True)
            for name, detail in hooks.installed().readiness_warnings()
        ),
    ]


class _NotReadyError(Exception):
    pass


def _look(name: str, look: Callable[[], str]) -> Part:
    try:
        return Part(name, True, look())
    except _NotReadyError as problem:
        return Part(name, False, str(problem))
    except Error:
        return Part(name, False, "the database does not answer")
    except OSError as error:
        return Part(name, False, error.strerror or "not usable")


class Migrations:
    """Knows whether all migrations are applied. Once they are, it does not look again.

    Each look builds the graph of all migrations, so there is at most one in PENDING_SECONDS.
    """

    def __init__(self) -> None:
        self._are_applied = False
        self._look_again_at = 0.0

    def are_waiting(self) -> bool:
        """Whether migrations are waiting. Raises Error.

        It takes no lock: several threads may look at once, so that none waits for another's timeout.
        """
        if not self._are_applied and time.monotonic() >= self._look_again_at:
            executor = MigrationExecutor(connection)
            self._are_applied = not executor.migration_plan(executor.loader.graph.leaf_nodes())
            self._look_again_at = time.monotonic() + PENDING_SECONDS
        return not self._are_applied


migrations = Migrations()


def _without_database(name: str, _: Callable[[], str]) -> Part:
    return Part(name, False, "the database is not ready")


def _database() -> str:
    if migrations.are_waiting():
        raise _NotReadyError("migrations are waiting: run manage.py migrate")
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return str(connection.vendor)


def _local_files() -> str:
    folder = conf().files_dir
    folder.mkdir(parents=True, exist_ok=True)
    # A full or read-only disk fails only when something is written.
    with tempfile.TemporaryFile(dir=folder) as probe:
        probe.write(b"ready")
        probe.flush()
    return "can be written"


def _permanent_tier() -> str:
    storage = storage_tier()
    if storage is None or conf().permanent != storage.name:
        ClipFile.objects.exists()
        return "database"
    try:
        storage.check()
    except TierError as error:
        raise _NotReadyError(str(error)) from error
    return f"storage, bucket {storage.bucket.name}"


def _task_cluster() -> str:
    if not is_cluster_alive():
        raise _NotReadyError(f"no task ended within {HEARTBEAT_LOST_SECONDS} s; is qcluster running?")
    return "takes tasks"


def _provider_settings() -> str:
    if problem := problem_with_settings():
        raise _NotReadyError(problem)
    return f"{conf().provider}, {conf().model_by_settings}"


def _speaking() -> str:
    """The models that listeners hear. Live renditions may differ from the settings, and it says so."""
    by_settings = _provider_settings()
    voices: defaultdict[str, list[str]] = defaultdict(list)
    for voice in conf().listener_voices:
        live = live_rendition(voice)
        voices[f"{live.provider}, {live.model}"].append(voice)
    if len(voices) == 1:
        says = next(iter(voices))
    else:
        says = "; ".join(f"{', '.join(names)}: {model}" for model, names in voices.items())
    return says if by_settings in voices else f"{says} (the settings ask for {by_settings})"


def _redis() -> list[Part]:
    """A line if the cache is in Redis. Without Redis everything plays, so it is only a warning."""
    cache = caches["default"]
    if not isinstance(cache, RedisCache):
        return []
    try:
        cache.get("readyz")
    except cache_errors():
        shared_cache.note(is_there=False)
        return [
            Part("redis", True, "it does not answer, so each process throttles by itself", is_warning=True)
        ]
    shared_cache.note(is_there=True)
    return [Part("redis", True, "answers")]


def _schedules() -> list[Part]:
    """A warning that names each schedule which does not run; a restart would not help."""
    try:
        unusable = unusable_schedules()
    except Error:
        return []  # the other parts report the database
    return [Part("schedules", True, " ".join(unusable), is_warning=True)] if unusable else []


def _models() -> list[Part]:
    """A warning if a model in use ends soon or has ended; else nothing."""
    try:
        ending = [each.says for each in watched_models() if each.is_ending]
    except Error:
        return []  # the other parts report the database
    return [Part("models", True, " ".join(ending), is_warning=True)] if ending else []


@cache
def problem_with_settings() -> str:
    """The first system check that keeps us from speaking, or "". Settings stay the same in a process."""
    problems = (problem for problem in checks.run_checks() if (problem.id or "").startswith("ttscache.E"))
    return next((str(problem.msg) for problem in problems), "")


def _forget(**_: Any) -> None:
    problem_with_settings.cache_clear()


setting_changed.connect(_forget)  # sent by override_settings in tests only
