"""Looks at everything that an operator would ask for first, for `manage.py doctor`. Shows no secret."""

from __future__ import annotations

import platform
import re
import shutil
import socket
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Max
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django_q.models import Schedule

from lifereview import settings as lifereview_settings
from lifereview.database_errors import says_of_database
from lifereview.env.unknown_variables import unknown_variables, warning_about
from lifereview.env.variables import all_variables
from lifereview.middleware.proxy_headers import forwarded_headers_seen
from lifereview.server.listening import site_addresses
from ttscache.conf import conf
from ttscache.coordination.hosts import HEARTBEAT_LOST_SECONDS, name_of
from ttscache.models import LastProviderOutcome, ProcessReport
from ttscache.monitoring.alerts import STORAGE_SHARE
from ttscache.monitoring.health import Part, parts
from ttscache.monitoring.inventory import clips_held, files_here, heartbeats
from ttscache.renditions.current import live_rendition
from ttscache.renditions.retirement import AHEAD_DAYS, outlooks
from ttscache.speech import EMBEDDED_MODEL

CONNECT_SECONDS = 3
CLOCK_SECONDS = 5  # leases last 8 s, and take the database's clock
# Values of these may be secrets, or addresses with a password.
_SECRET = re.compile(r"KEY|SECRET|TOKEN|PASSWORD|URL|EMAIL")


class LineState(StrEnum):
    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class DoctorLine:
    """One line of the page."""

    part: str
    says: str
    state: LineState = LineState.OK


def look_at_everything() -> Iterator[DoctorLine]:
    """Yield line after line. Never raises, whatever is broken."""
    yield DoctorLine("version", f"{settings.VERSION}, commit {settings.COMMIT or 'unknown'}")
    yield DoctorLine(
        "runs on", f"Python {platform.python_version()}, Django {django.get_version()}, {platform.platform()}"
    )
    yield from _guarded("settings", _settings)
    database = list(_guarded("database", _database))
    yield from database
    yield from (_as_line(part) for part in parts() if part.name != "database")
    if all(each.state is LineState.OK for each in database):  # else each would wait for the database again
        yield from _guarded("room", _room)
        yield from _guarded("provider", _provider)
        yield from _guarded("cluster", _clusters)
        yield from _guarded("schedules", _schedules)
        yield from _guarded("clock", _clock)
    yield from _guarded("mail", _mail)
    yield from _guarded("proxy", _proxy)


def _guarded(part: str, look: Callable[[], Iterable[DoctorLine]]) -> Iterator[DoctorLine]:
    try:
        yield from look()
    except Error as error:
        yield DoctorLine(part, says_of_database(error), LineState.WRONG)
    except OSError as error:
        yield DoctorLine(part, f"{error.filename or 'a file'}: {error.strerror}", LineState.WRONG)


def _as_line(part: Part) -> DoctorLine:
    if not part.is_ready:
        return DoctorLine(part.name, part.detail, LineState.WRONG)
    return DoctorLine(part.name, part.detail, LineState.WARNING if part.is_warning else LineState.OK)


def _settings() -> Iterator[DoctorLine]:
    yield DoctorLine("addresses", ", ".join(site_addresses()))
    yield DoctorLine("hosts", ", ".join(settings.ALLOWED_HOSTS))
    known = {variable.name for variable in all_variables()}
    names = lifereview_settings.env.names
    shown = [
        f"{name}={'(set)' if _SECRET.search(name) else lifereview_settings.env.text(name)}"
        for name in sorted(known.intersection(names))
    ]
    yield DoctorLine("variables", ", ".join(shown) or "none is set")
    if warning := warning_about(unknown_variables(names)):
        yield DoctorLine("variables", warning, LineState.WARNING)
    if settings.DEBUG:
        says = "DEBUG is on: callers see the details of errors."
        yield DoctorLine("debug", says, LineState.WARNING)


def _database() -> Iterator[DoctorLine]:
    connection.ensure_connection()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('server_version'), pg_database_size(current_database())")
            version, size = cursor.fetchone()
        given = connection.settings_dict
        where = f"{given['NAME']} at {given['HOST'] or 'a socket file'}"
    else:
        version, path = sqlite3.sqlite_version, Path(connection.settings_dict["NAME"])
        where, size = str(path), path.stat().st_size
    yield DoctorLine("database", f"{connection.vendor} {version}, {where}, {filesizeformat(size)}")
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if waiting:
        says = f"{len(waiting)} waiting, {waiting[0][0]} first: run manage.py migrate"
        yield DoctorLine("migrations", says, LineState.WRONG)
    else:
        yield DoctorLine("migrations", "all are applied")


def _room() -> Iterator[DoctorLine]:
    given = conf()
    yield DoctorLine("memory", f"up to {filesizeformat(given.memory_bytes)} in each web process")
    files, disk = files_here(), shutil.disk_usage(given.files_dir)
    says = (
        f"{files.clips} clips, {filesizeformat(files.bytes)} of {filesizeformat(given.files_bytes)} "
        f"in {given.files_dir}; {filesizeformat(disk.free)} of {filesizeformat(disk.total)} free on its disk"
    )
    is_tight = disk.free < disk.total * 0.1
    yield DoctorLine("files", says, LineState.WARNING if is_tight else LineState.OK)
    held = clips_held()
    limit = given.storage_limit_bytes
    used = sum(each.stored_bytes for each in held)
    says = f"{sum(each.clips for each in held)} clips, {filesizeformat(used)}"
    is_tight = bool(limit) and used > limit * STORAGE_SHARE
    if limit:
        says += f" of {filesizeformat(limit)}"
    yield DoctorLine("permanent", says, LineState.WARNING if is_tight else LineState.OK)


def _provider() -> Iterator[DoctorLine]:
    models = {live_rendition(voice).model for voice in conf().listener_voices}
    models |= {conf().reflection_model} if conf().openai_api_key else set()
    for outlook in outlooks(sorted(models - {EMBEDDED_MODEL})):
        ends_soon = outlook.is_retired or outlook.retires_within(AHEAD_DAYS)
        day = f"its last day is the one before {outlook.shutdown_date}" if outlook.shutdown_date else ""
        says = outlook.says if ends_soon else f"{outlook.model}: {day or 'no day of its end is known'}"
        yield DoctorLine("model", says, LineState.WARNING if ends_soon else LineState.OK)
    last = LastProviderOutcome.objects.order_by("-at").first()
    if last is None:
        yield DoctorLine("last call", "none yet")
    else:
        state = LineState.OK if last.outcome == "ok" else LineState.WARNING
        yield DoctorLine("last call", f"{last.outcome}, {_ago(last.at)}", state)


def _clusters() -> Iterator[DoctorLine]:
    for host, seconds in heartbeats():
        is_lost = seconds > HEARTBEAT_LOST_SECONDS
        says = f"{name_of(host)} ended a task {round(seconds)} s ago"
        yield DoctorLine("host", says, LineState.WARNING if is_lost else LineState.OK)


def _schedules() -> Iterator[DoctorLine]:
    for schedule in Schedule.objects.exclude(repeats=0).order_by("next_run"):
        name = schedule.name or schedule.func
        if schedule.next_run is None:
            yield DoctorLine("schedule", f"{name} does not run", LineState.WARNING)
            continue
        is_late = schedule.next_run < timezone.now() - timedelta(hours=1)
        says = f"{name}, next {schedule.next_run:%d %b %H:%M} UTC"
        yield DoctorLine("schedule", says, LineState.WARNING if is_late else LineState.OK)


def _mail() -> Iterator[DoctorLine]:
    server = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    if not settings.ALERT_EMAILS:
        yield DoctorLine("mail", f"nobody is mailed (ALERT_EMAILS); the server would be {server}")
        return
    says = f"{len(settings.ALERT_EMAILS)} people, through {server}"
    try:
        socket.create_connection((settings.EMAIL_HOST, settings.EMAIL_PORT), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        reason = error.strerror or "no answer"
        yield DoctorLine("mail", f"{says}, which cannot be reached: {reason}", LineState.WARNING)
    else:
        yield DoctorLine("mail", f"{says}, which answers")


def _proxy() -> Iterator[DoctorLine]:
    seen: dict[str, Any] | None = forwarded_headers_seen()
    if seen is None:
        says = "no request with forwarded headers has come to this host"
        yield DoctorLine("proxy", says, LineState.WARNING if settings.IS_BEHIND_TLS else LineState.OK)
        return
    says = (
        f"{', '.join(seen['headers'])} came from {seen['from']} at {seen['at']}, "
        f"with {seen['addresses_in_x_forwarded_for']} addresses in X-Forwarded-For"
    )
    is_wrong = settings.IS_BEHIND_TLS and seen["x_forwarded_proto"] != "https"
    if is_wrong:
        says += "; X-Forwarded-Proto is not https, so people cannot sign in"
    yield DoctorLine("proxy", says, LineState.WARNING if is_wrong else LineState.OK)


def _clock() -> Iterator[DoctorLine]:
    now = datetime.now(UTC)
    says, state = f"{now:%d %b %Y %H:%M:%S} UTC", LineState.OK
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            (theirs,) = cursor.fetchone()
        difference = abs((theirs - datetime.now(UTC)).total_seconds())
        says += f", {difference:.1f} s from the database's"
        if difference > CLOCK_SECONDS:
            state = LineState.WARNING
    newest = ProcessReport.objects.aggregate(newest=Max("reported_at"))["newest"]
    if newest is not None and newest > now + timedelta(seconds=CLOCK_SECONDS):
        says, state = f"{says}, and a report is dated {newest:%d %b %Y %H:%M:%S}", LineState.WARNING
    yield DoctorLine("clock", says, state)


def _ago(moment: datetime) -> str:
    minutes = int((timezone.now() - moment).total_seconds() // 60)
    return f"{minutes} minutes ago" if minutes < 120 else f"{minutes // 60} hours ago"
