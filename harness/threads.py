"""Tells what each thread of a running site does. Its environment needs what `dumping` returns."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from harness.process import PROJECT
from harness.site import WebServer
from harness.waiting import wait_until

_WAITS_FOR_WORK = "concurrent/futures/thread.py:_worker"


@dataclass(frozen=True, slots=True)
class ServerThread:
    """One thread: its name in Python, and its calls, from the outermost to the innermost."""

    name: str
    stack: tuple[str, ...]

    @property
    def is_of_pool(self) -> bool:
        """Whether gunicorn's pool has it, for requests."""
        return any(call.endswith(_WAITS_FOR_WORK) for call in self.stack)

    @property
    def is_idle(self) -> bool:
        """Whether it is a pool's thread that has no request."""
        return bool(self.stack) and self.stack[-1].endswith(_WAITS_FOR_WORK)


def dumping(folder: Path) -> dict[str, str]:
    return {"PYTHONPATH": str(PROJECT / "harness" / "thread_dumps"), "THREAD_DUMPS": str(folder)}


def threads_of(server: WebServer) -> list[ServerThread]:
    """Every Python thread of all web processes, as they are now."""
    return [thread for pid in server.worker_pids() for thread in _threads(server, pid)]


def _threads(server: WebServer, pid: int) -> list[ServerThread]:
    path = Path(server.env["THREAD_DUMPS"]) / f"{pid}.json"
    path.unlink(missing_ok=True)
    os.kill(pid, signal.SIGRTMIN)
    wait_until(path.exists, f"what the threads of process {pid} do", seconds=60)
    return [ServerThread(told["name"], tuple(told["stack"])) for told in json.loads(path.read_text())]
