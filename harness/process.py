"""ServerProcess: runs a program in its own session, logs to a file, and ends it reliably."""

from __future__ import annotations

import atexit
import os
import random
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from signal import SIGTERM

import psutil

from harness.waiting import wait_until

HOST = "127.0.0.1"
PROJECT = Path(__file__).resolve().parent.parent
PORTS = range(20_000, 32_000)  # below the kernel's range for outgoing connections

_LEASH = Path(__file__).with_name("leash.py")
_MARK = "HARNESS_MARK"
_given_ports: set[int] = set()

# Linux sends the death signal when the *thread* that started a child ends, so one lasting thread starts all.
_STARTER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="harness-starter")


def free_port() -> int:
    """Return a free port that was not given out before: an earlier one's server may only be stopped."""
    for port in random.sample(_own_ports(), 100):
        with socket.socket() as probe, suppress(OSError):
            if port not in _given_ports:
                probe.bind((HOST, port))
                _given_ports.add(port)
                return port
    raise OSError("a hundred ports tried, none of them free")


def _own_ports() -> range:
    """The ports of this worker of a parallel suite (pytest-xdist names them gw0, gw1, ...)."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return PORTS[worker % workers :: workers]


def is_listening(port: int, address: str = HOST) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((address, port)) == 0


def leashed(command: Sequence[str | Path], user: str = "") -> list[str]:
    """Change the command so that it dies with this process."""
    leash = [sys.executable, "-I", "-S", str(_LEASH), str(os.getpid()), user]
    return leash + [str(part) for part in command]


def marked(env: Mapping[str, str], mark: str) -> dict[str, str]:
    """Add a mark to an environment, by which carrying() finds a process and all its descendants."""
    return {**env, _MARK: mark}


class ServerProcess:
    """One run of a program, with all processes that it starts."""

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        user: str = "",
        cwd: Path = PROJECT,
        mark: str = "",
    ) -> None:
        self.log = log
        self.mark = mark or uuid.uuid4().hex
        self.command = [str(part) for part in command]
        with log.open("ab") as output:
            self._popen = _STARTER.submit(
                subprocess.Popen[bytes],
                leashed(self.command, user),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=marked(os.environ if env is None else env, self.mark),
                cwd=cwd,
                start_new_session=True,
            ).result()
        atexit.register(self.kill)

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        return self._popen.poll()

    @property
    def is_running(self) -> bool:
        return self.exit_code is None

    def wait_until_ready(self, is_ready: Callable[[], object], *, seconds: float = 60) -> None:
        """Wait until it is ready. If it ends or is late, kill it and raise RuntimeError with its log."""
        is_up = False
        try:
            wait_until(lambda: is_ready() or not self.is_running, "an answer", seconds=seconds)
            is_up = self.is_running
        except TimeoutError as error:
            raise RuntimeError(f"{self.command}: {error}\n{self.log_tail()}") from error
        finally:
            if not is_up:
                self.kill()
        if not is_up:
            raise RuntimeError(f"{self.command} ended with status {self.exit_code}\n{self.log_tail()}")

    def log_tail(self, characters: int = 4000) -> str:
        return self.log.read_text(errors="replace")[-characters:]

    def send(self, number: int, *, to_group: bool = False) -> None:
        """Send a signal to the program, or to its process group as Ctrl-C in a terminal does."""
        if not self.is_running:
            return
        with suppress(ProcessLookupError):
            (os.killpg if to_group else os.kill)(self.pid, number)

    def ends_within(self, seconds: float) -> bool:
        try:
            self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def wait(self, seconds: float) -> int:
        """Wait for the exit code. Raises TimeoutError, with the log's end, if it still runs."""
        if not self.ends_within(seconds):
            raise TimeoutError(f"{self.command} still runs after {seconds:g} s\n{self.log_tail()}")
        return self._popen.wait()

    def stop(self, number: int = SIGTERM, *, seconds: float = 60) -> float:
        """Ask it to end, then kill all that it started. Returns the seconds that the program took to end."""
        begin = time.monotonic()
        self.send(number)
        try:
            self.wait(seconds)
            return time.monotonic() - begin
        finally:
            self.kill()

    def tree(self) -> list[psutil.Process]:
        """Every living process of this run, including those whose parents have ended."""
        found = {process.pid: process for process in carrying(self.mark)}
        with suppress(psutil.Error):
            if self.is_running:  # a program may overwrite its environment, as PostgreSQL does
                leader = psutil.Process(self.pid)
                found |= {process.pid: process for process in [leader, *leader.children(recursive=True)]}
        return [process for process in found.values() if is_alive(process)]

    def kill(self) -> None:
        """Send SIGKILL to the program and everything it started; returns when they are gone."""
        atexit.unregister(self.kill)
        victims: dict[int, psutil.Process] = {}

        def all_gone() -> bool:
            victims.update((process.pid, process) for process in self.tree())
            for process in victims.values():
                with suppress(psutil.Error):
                    process.kill()  # checks the creation time first: never a stranger with a reused pid
            return not any(is_alive(process) for process in victims.values())

        wait_until(all_gone, f"the end of {self.command}")
        self._popen.wait()


def is_alive(process: psutil.Process) -> bool:
    """Whether the process still runs. A zombie or a new process with its number does not count."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def carrying(mark: str) -> list[psutil.Process]:
    """Every process with this mark."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # the process ended meanwhile, or belongs to another user
            if process.environ().get(_MARK) == mark:
                found.append(process)
    return found
