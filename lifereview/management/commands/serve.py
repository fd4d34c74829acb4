"""Starts the whole product in the foreground: migrations, content, web server and task cluster."""

from __future__ import annotations

import errno
import os
import secrets
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NoReturn

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import Error, IntegrityError, connection, connections
from django_q.models import OrmQ
from django_q.tasks import async_task

from lifereview import settings as lifereview_settings
from lifereview.database_errors import require_database
from lifereview.env.unknown_variables import unknown_variables, warning_about
from lifereview.server.listening import problem_with_address, site_addresses
from lifereview.server.supervisor import Child, Supervisor
from lifereview.start.verdict import disk_problem, reason_to_only_play
from lifereview.temporary_files import use_own_temporary_folder
from narratives.content.loading import load_shipped_content
from narratives.publishing import (
    activate_ready_publications,
    keep_live_journeys_warm,
    make_what_waits,
    sync_pins,
)
from ttscache.checks import require_valid_conf
from ttscache.coordination.hosts import HEARTBEAT_LOST_SECONDS, is_cluster_alive, this_host
from ttscache.coordination.leases import release_leases_of_dead_processes
from ttscache.monitoring.health import HEARTBEAT_SECONDS
from ttscache.warming.rendition_switch import make_pending
from ttscache.warming.settings_changes import follow_settings

LONG_QUEUE = 100
PORT_SECONDS = 6
DISK_SECONDS = 15.0  # between two looks at a disk that cannot be written
CLUSTER_NICENESS = 5  # nice(2): listeners' own requests get the processor before clips made ahead


class Command(BaseCommand):
    help = "Migrates, loads the default journey, creates the first staff user, and serves web and tasks."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--end-with-parent",
            action="store_true",
            help="stop when the process that started this one ends",
        )

    def check(self, *args: Any, **options: Any) -> None:
        """Stop the start with one line if a combination of settings is wrong."""
        try:
            require_valid_conf()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        super().check(*args, **options)

    def handle(self, *args: Any, end_with_parent: bool, **options: Any) -> None:
        use_own_temporary_folder()
        if warning := warning_about(unknown_variables(lifereview_settings.env.names)):
            self.stderr.write(warning)
        self._wait_for_port()
        if connection.vendor == "postgresql":
            require_database()
        disk = disk_problem()
        if why := reason_to_only_play(disk):
            self._only_play(why, end_with_parent)
        if disk:
            self.stderr.write(f"{disk}. Until then this host keeps no clips of its own.")
        require_database()
        with _static_files_beside():
            password = self._prepare_data()
        connections.close_all()
        self._tell(password)
        cluster = [sys.executable, str(settings.BASE_DIR / "manage.py"), "qcluster"]
        supervisor = Supervisor(
            [_web_server(), Child("The task cluster", cluster, ClusterWatch(), niceness=CLUSTER_NICENESS)],
            stopping_mark=_stopping_mark(),
            ends_with_parent=end_with_parent,
        )
        sys.exit(supervisor.run())

    def _prepare_data(self) -> str:
        """Make the tables, and what stands in them at a start. Returns the first user's password, or ""."""
        call_command("migrate", verbosity=0)
        # First in the queue, so that the cluster reports that it works before it is busy.
        async_task("ttscache.tasks.heartbeat", task_name="heartbeat", save=False)
        load_shipped_content()
        release_leases_of_dead_processes()
        # In this order: the settings choose the voices, pins protect their clips, and then runs make them.
        follow_settings()
        sync_pins()
        keep_live_journeys_warm(requested_by="the start of the service")
        make_what_waits(requested_by="the start of the service")
        make_pending(requested_by="the start of the service")
        activate_ready_publications()
        return self._create_first_user()

    def _only_play(self, why: str, end_with_parent: bool) -> NoReturn:
        """Serve what was made before, without a cluster and without a change, until the disk can be written.

        Then it starts anew in this process.
        """
        self.stderr.write(f"{why}. Until then this site only plays what it has; nothing can be changed.")
        connections.close_all()
        os.environ["LIFEREVIEW_ONLY_PLAYS"] = "1"
        self._tell("")
        watch = DiskWatch(begins_writable=not disk_problem())
        supervisor = Supervisor(
            [_web_server()],
            stopping_mark=_stopping_mark(),
            ends_with_parent=end_with_parent,
            until=watch,
        )
        status = supervisor.run()
        if watch.has_changed and not supervisor.was_asked_to_stop:
            del os.environ["LIFEREVIEW_ONLY_PLAYS"]
            os.execv(sys.executable, [sys.executable, *sys.argv])  # noqa: S606 - this program again
        sys.exit(status)

    def _wait_for_port(self) -> None:
        """Wait for the port: a process that was just killed may hold it for some seconds."""
        end = time.monotonic() + PORT_SECONDS
        problem = problem_with_address()
        while problem and problem.errno == errno.EADDRINUSE and time.monotonic() < end:
            time.sleep(0.2)
            problem = problem_with_address()
        if problem and settings.HOST.startswith("unix:"):
            raise CommandError(f"HOST={settings.HOST} cannot be used: {problem.strerror}.")
        if problem:
            raise CommandError(
                f"HOST={settings.HOST} PORT={settings.PORT} cannot be used: {problem.strerror}. "
                "Stop what is there, or set PORT to another number."
            )

    def _create_first_user(self) -> str:
        """Create the first staff user if there is none. Returns the generated password, or ""."""
        users = get_user_model()
        if users.objects.filter(is_staff=True).exists():
            return ""
        given = settings.FIRST_STAFF_USER
        password = given["password"] or secrets.token_urlsafe(12)
        try:
            users.objects.create_superuser(**(given | {"password": password}))
        except IntegrityError:
            return ""  # another host, started at the same moment, has shown its password
        return "" if given["password"] else password

    def _tell(self, password: str) -> None:
        site, *elsewhere = site_addresses()
        self.stdout.write(f"Listeners: {site}/\nStaff:     {site}/admin/")
        if elsewhere:
            self.stdout.write("From another device in the same network (staff add admin/ to it):")
            self.stdout.write("\n".join(f"           {each}/" for each in elsewhere))
        if password:
            user = settings.FIRST_STAFF_USER["username"]
            self.stdout.write(
                f"The first staff user is {user} with the password {password} (shown only now)."
            )
        self.stdout.write("Ctrl-C stops everything.")
        self.stdout.flush()


def _web_server() -> Child:
    settings_of_gunicorn = settings.BASE_DIR / "lifereview" / "gunicorn.conf.py"
    gunicorn = ["gunicorn", "-c", str(settings_of_gunicorn), "lifereview.wsgi:application"]
    return Child("The web server", [sys.executable, "-m", *gunicorn])


def _stopping_mark() -> Path:
    mark: Path = settings.VAR_DIR / f"stopping-{os.getpid()}"
    return mark


@contextmanager
def _static_files_beside() -> Iterator[None]:
    """Collect the static files in another process while the block runs; the first time takes seconds."""
    connections.close_all()  # a connection must not be shared with a forked process
    with ProcessPoolExecutor(1, get_context("fork")) as beside:
        collected = beside.submit(_collect_static_files)
        yield
        collected.result()


def _collect_static_files() -> None:
    """Name and compress the static files; on a disk that cannot be written, those of the last start serve."""
    try:
        call_command("collectstatic", interactive=False, verbosity=0)
    except OSError as error:
        if not (settings.STATIC_ROOT / "staticfiles.json").exists():
            raise CommandError(
                f"{settings.STATIC_ROOT} cannot be written ({error.strerror}), so there would be no pages."
            ) from error


class DiskWatch:
    """Notices that a disk that could not be written can be written again."""

    def __init__(self, *, begins_writable: bool) -> None:
        self.has_changed = False
        self._begins_writable = begins_writable
        self._next_look = time.monotonic() + DISK_SECONDS

    def __call__(self) -> bool:
        if not self._begins_writable and time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + DISK_SECONDS
            self.has_changed = not disk_problem()
        return self.has_changed


class ClusterWatch:
    """Queues a heartbeat now and then, and reports whether this host's cluster still runs them."""

    def __init__(self) -> None:
        self._next_beat = 0.0

    def __call__(self, uptime_seconds: float) -> bool:
        if time.monotonic() < self._next_beat:
            return True
        self._next_beat = time.monotonic() + HEARTBEAT_SECONDS
        try:
            if OrmQ.objects.count() < LONG_QUEUE:  # otherwise heartbeats pile up while no cluster works
                async_task("ttscache.tasks.heartbeat", task_name="heartbeat", save=False)
            return uptime_seconds < HEARTBEAT_LOST_SECONDS or is_cluster_alive(this_host())
        except Error:
            return True  # the database is down, not the cluster: a restart would not help
        finally:
            connections.close_all()
