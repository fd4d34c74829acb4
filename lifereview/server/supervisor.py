"""Supervisor: keeps the web server and the task cluster running, and stops both reliably.

It avoids three failures. Ctrl-C in a terminal signals every process of the group, which hangs the cluster. A
killed leader leaves its workers behind. A worker killed at the wrong moment freezes the cluster, which still
looks healthy. So each child leads its own session, only leaders are asked to stop, a session that does not
stop is killed whole, and a cluster that takes no tasks is replaced.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

logger = logging.getLogger(__name__)

STOP_SECONDS = 8.5  # of the 10 s that we promise; the rest is for killing and cleaning up
CHECK_SECONDS = 0.2
MAX_PAUSE_SECONDS = 10.0
PR_SET_PDEATHSIG = 1  # prctl(2), Linux only


@dataclass
class Child:
    """A program to keep running. It is replaced when `is_healthy`, called with its uptime in seconds, fails.

    `niceness` is that of nice(2): a higher value leaves the processor to others.
    """

    name: str
    argv: Sequence[str]
    is_healthy: Callable[[float], bool] = lambda _uptime: True
    niceness: int = 0
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    failures: int = 0
    start_again_at: float = field(default=0.0)

    def start(self, env: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            list(self.argv),
            env=dict(env),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=partial(_begin_child, self.niceness),  # noqa: PLW1509 - the supervisor has one thread
        )
        self.started_at = time.monotonic()

    @property
    def uptime_seconds(self) -> float:
        return time.monotonic() - self.started_at

    def ask_to_stop(self) -> None:
        """Signal the leader only: it knows the order in which to stop its own processes."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def kill(self) -> None:
        """Kill all processes that are left in its session."""
        if self.process is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def is_session_empty(self) -> bool:
        """Whether the leader and everything it started have ended."""
        if self.process is None:
            return True
        if self.process.poll() is None:
            return False
        return not _is_anyone_in_session(self.process.pid)


class Supervisor:
    """Runs the children until a signal comes, `until` is true, or the process that started this one ends."""

    def __init__(
        self,
        children: Sequence[Child],
        *,
        stopping_mark: Path,
        ends_with_parent: bool,
        until: Callable[[], bool] = lambda: False,
    ) -> None:
        self._children = children
        self._stopping_mark = stopping_mark
        self._parent = os.getppid() if ends_with_parent else None
        self._until = until
        self._is_stopping = False
        self._env = {
            **os.environ,
            "LIFEREVIEW_SUPERVISOR": str(os.getpid()),
            "LIFEREVIEW_STOPPING_MARK": str(stopping_mark),
        }

    @property
    def was_asked_to_stop(self) -> bool:
        return self._is_stopping

    def run(self) -> int:
        """Run the children. Returns 0 if everything stopped by itself in time, else 1."""
        signal.signal(signal.SIGTERM, self._stop_soon)
        for number in (signal.SIGINT, signal.SIGHUP):
            # nohup(1), and a shell that starts a job in the background, ask us to ignore these signals.
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._stop_soon)
        self._mark_stopping(False)
        for child in self._children:
            child.start(self._env)
        try:
            while not self._is_stopping and not self._until():
                self._look_after_children()
                time.sleep(CHECK_SECONDS)
                if self._parent is not None and os.getppid() != self._parent:
                    break
        finally:
            is_clean = self._stop()
        return 0 if is_clean else 1

    def _stop_soon(self, *_: object) -> None:
        self._is_stopping = True  # a second signal changes nothing

    def _look_after_children(self) -> None:
        for child in self._children:
            if child.process is None:
                if time.monotonic() >= child.start_again_at:
                    child.start(self._env)
            elif child.process.poll() is not None:
                self._start_later(child, f"ended with status {child.process.returncode}")
            elif not child.is_healthy(child.uptime_seconds):
                self._start_later(child, "is not healthy")

    def _start_later(self, child: Child, why: str) -> None:
        child.failures = 1 if child.uptime_seconds > MAX_PAUSE_SECONDS * 3 else child.failures + 1
        pause = min(MAX_PAUSE_SECONDS, 0.25 * 2**child.failures)
        logger.warning("%s %s; starting it again.", child.name, why)
        child.kill()  # the leader's workers may still run
        child.process = None
        child.start_again_at = time.monotonic() + pause

    def _stop(self) -> bool:
        self._mark_stopping(True)
        end = time.monotonic() + STOP_SECONDS
        for child in self._children:
            child.ask_to_stop()
        while time.monotonic() < end and not all(child.is_session_empty() for child in self._children):
            time.sleep(0.05)
        late = [child for child in self._children if not child.is_session_empty()]
        for child in self._children:
            child.kill()
        self._mark_stopping(False)
        for child in late:
            logger.warning(
                "%s did not stop in time and was killed; the next start resumes its work.", child.name
            )
        return not late

    def _mark_stopping(self, is_stopping: bool) -> None:
        with suppress(OSError):  # a full or read-only disk; without the mark a task may be cut off
            if is_stopping:
                self._stopping_mark.touch()
            else:
                self._stopping_mark.unlink(missing_ok=True)


def _is_anyone_in_session(leader: int) -> bool:
    """Whether a process of this session still runs; zombies do not count."""
    processes = list(Path("/proc").glob("[0-9]*/stat"))
    if not processes:  # not Linux
        try:
            os.killpg(leader, 0)
        except ProcessLookupError:
            return False
        return True
    for process in processes:
        with suppress(OSError):  # the process ended meanwhile
            state, _parent, _group, session = process.read_text().rpartition(")")[2].split()[:4]
            if int(session) == leader and state not in "ZX":
                return True
    return False


def _begin_child(niceness: int) -> None:
    """Runs in the child before its program: asks Linux to stop it when the parent dies."""
    os.nice(niceness)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
