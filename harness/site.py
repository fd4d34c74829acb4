"""Site and WebServer: the product itself, run as people run it, in a clean environment."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from signal import SIGKILL, SIGTERM
from types import TracebackType
from typing import Self

import psutil
from dotenv import dotenv_values

from harness import http
from harness.process import HOST, PROJECT, ServerProcess, carrying, free_port, is_alive, leashed, marked
from harness.waiting import wait_until

# All that comes in from the shell: no key, no database, no setting of the product.
ESSENTIALS = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TMPDIR")


class Site:
    """`manage.py serve`, the web server and the task cluster, on a port of its own.

    start() after stop() or kill() runs it again on the same port and data. The end of the
    block ends all of it.
    """

    project: Path = PROJECT
    start_seconds: float = 60

    def __init__(
        self, var_dir: Path, env: Mapping[str, str] | None = None, python: str | Path = sys.executable
    ) -> None:
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        self.var_dir = var_dir
        self.python = str(python)
        self.env = dict(env or {})
        self.log_path = var_dir.with_name(f"{var_dir.name}.{self.port}.log")
        self._mark = uuid.uuid4().hex
        self._server: ServerProcess | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.kill()

    @property
    def pid(self) -> int:
        return self._started.pid

    @property
    def is_running(self) -> bool:
        return self._server is not None and self._server.is_running

    def start(self) -> None:
        """Returns once it answers; RuntimeError, with the end of its log, if it does not."""
        self.var_dir.mkdir(parents=True, exist_ok=True)
        self.prepare()
        self._server = ServerProcess(
            self.command(), log=self.log_path, env=self.environment(), cwd=self.project, mark=self._mark
        )
        self._server.wait_until_ready(self.is_healthy, seconds=self.start_seconds)

    def stop(
        self, signal: int = SIGTERM, *, to_group: bool = False, times: int = 1, within_seconds: float = 30
    ) -> float:
        """Ask it to end, and return the seconds it took. What it left behind: survivors()."""
        begin = time.monotonic()
        for _ in range(times):
            self._started.send(signal, to_group=to_group)
            if self._started.ends_within(0.2):
                break
        self._started.wait(within_seconds)
        return time.monotonic() - begin

    def kill(self) -> None:
        """kill -9 of the one process that was started. What became of the others: survivors().

        Wait for their end before the next start(): until then, they may answer in its place.
        """
        self._started.send(SIGKILL)
        self._started.wait(30)

    def processes(self) -> list[psutil.Process]:
        """All that runs of it, in whatever session and whoever their parent is now."""
        return [process for process in carrying(self._mark) if is_alive(process)]

    def survivors(self, within_seconds: float = 0) -> list[psutil.Process]:
        """What still runs when so much time has passed."""
        try:
            wait_until(lambda: not self.processes(), "the end of all processes", seconds=within_seconds)
        except TimeoutError:
            return self.processes()
        return []

    def log(self) -> str:
        """What it printed so far, over all its runs."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def is_healthy(self) -> bool:
        try:
            return http.get(f"{self.url}/api/health", timeout_seconds=2).status == 200
        except (OSError, http.BrokenTransfer):
            return False

    def manage(
        self, *arguments: str, check: bool = False, timeout_seconds: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """A management command in the same environment. `check`: raise when it fails."""
        self.var_dir.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            leashed([self.python, "manage.py", *arguments]),
            cwd=self.project,
            env=marked(self.environment(), self._mark),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
            start_new_session=True,
        )
        if check and done.returncode != 0:
            raise RuntimeError(
                f"manage.py {arguments} ended with {done.returncode}\n{done.stdout}{done.stderr}"
            )
        return done

    def api_token(self, name: str = "harness", *, admin: bool = False) -> str:
        arguments = ["api_token", name, *(["--admin"] if admin else [])]
        return self.manage(*arguments, check=True).stdout.split()[-1]

    def environment(self) -> dict[str, str]:
        """The given settings and the defaults of the product; a developer's .env is made to say nothing."""
        essentials = {name: os.environ[name] for name in ESSENTIALS if name in os.environ}
        silenced = dict.fromkeys(dotenv_values(self.project / ".env"), "")  # empty counts as unset
        own = {"HOST": HOST, "PORT": str(self.port), "VAR_DIR": str(self.var_dir), "PYTHONUNBUFFERED": "1"}
        return essentials | silenced | own | self.env

    def prepare(self) -> None:
        """Nothing: serve migrates and loads by itself."""

    def command(self) -> list[str]:
        return [self.python, "manage.py", "serve"]

    @property
    def _started(self) -> ServerProcess:
        if self._server is None:
            raise RuntimeError("not started yet")
        return self._server


class WebServer(Site):
    """The web server alone, without task cluster and without default content.

    Two of them may share a DATABASE_URL; as two hosts would, they then need one SECRET_KEY in their env.
    """

    is_prepared = False  # its folder and database, once for all starts

    def prepare(self) -> None:
        if not self.is_prepared:
            self.manage("migrate", "--verbosity", "0", check=True)
            self.manage("collectstatic", "--no-input", "--verbosity", "0", check=True)
            self.is_prepared = True

    def command(self) -> list[str]:
        return [
            *(self.python, "-m", "gunicorn", "-c", str(self.project / "lifereview" / "gunicorn.conf.py")),
            "lifereview.wsgi:application",
        ]

    def worker_pids(self) -> list[int]:
        """The processes that answer requests; the master starts a new one when one of them dies."""
        return [worker.pid for worker in psutil.Process(self.pid).children() if is_alive(worker)]
