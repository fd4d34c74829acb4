"""Tells what each thread of a running site does, and what memory it needs.

The site needs the environment that `dumping` returns.
"""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    def is_idle(self) -> bool:
        """Whether it is a thread of gunicorn's pool that has no request."""
        return bool(self.stack) and self.stack[-1].endswith(_WAITS_FOR_WORK)


def dumping(folder: Path) -> dict[str, str]:
    return {"PYTHONPATH": str(PROJECT / "harness" / "thread_dumps"), "THREAD_DUMPS": str(folder)}


def threads_of(server: WebServer) -> list[ServerThread]:
    """Every Python thread of all web processes, as they are now."""
    return [
        ServerThread(told["name"], tuple(told["stack"]))
        for dump in _dumps(server)
        for told in dump["threads"]
    ]


def memory_in_use(server: WebServer) -> int:
    """Bytes that all web processes need, without garbage and without what their allocators keep for later."""
    return sum(dump["memory"] for dump in _dumps(server))


def _dumps(server: WebServer) -> list[Any]:
    return [_dump(server, pid) for pid in server.worker_pids()]


def _dump(server: WebServer, pid: int) -> Any:
    path = Path(server.env["THREAD_DUMPS"]) / f"{pid}.json"
    path.unlink(missing_ok=True)
    os.kill(pid, signal.SIGRTMIN)
    wait_until(path.exists, f"what the threads of process {pid} do", seconds=60)
    return json.loads(path.read_text())
