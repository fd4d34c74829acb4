"""Site and WebServer: run the product as people do, in a clean environment."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from signal import SIGKILL, SIGTERM
from types import TracebackType
from typing import Any, Self

import psutil
from dotenv import dotenv_values

from harness import http
from harness.hidden_packages import hiding_packages_of_tests
from harness.process import HOST, PROJECT, ServerProcess, carrying, free_port, is_alive, leashed, marked
from harness.waiting import wait_until

# The only variables taken from the shell: no key, no database, no setting of the product.
ESSENTIALS = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TMPDIR")
MakeSite = Callable[..., Any]  # the type of the fixture `make_site` in tests/conftest.py


class Site:
    """`manage.py serve`, the web server and the task cluster, on a port of its own.

    start() after stop() or kill() runs it again on the same port and data. The end of the block ends
    everything.
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
        """Start it and wait until it answers. Raises RuntimeError, with the end of its log, otherwise."""
        self.var_dir.mkdir(parents=True, exist_ok=True)
        self.prepare()
        env = hiding_packages_of_tests() | self.environment()
        self._server = ServerProcess(
            self.command(), log=self.log_path, env=env, cwd=self.project, mark=self._mark
        )
        self._server.wait_until_ready(self.is_healthy, seconds=self.start_seconds)

    def stop(
        self, signal: int = SIGTERM, *, to_group: bool = False, times: int = 1, within_seconds: float = 30
    ) -> float:
        """Ask it to end; returns the seconds it took. survivors() lists processes it left behind."""
        begin = time.monotonic()
        for _ in range(times):
            self._started.send(signal, to_group=to_group)
            if self._started.ends_within(0.2):
                break
        self._started.wait(within_seconds)
        return time.monotonic() - begin

    def kill(self) -> None:
        """Kill only the started process; survivors() lists the others.

        Wait for their end before the next start(): until then they may answer in its place.
        """
        self._started.send(SIGKILL)
        self._started.wait(30)

    def processes(self) -> list[psutil.Process]:
        """Every living process of the site, in any session and with any parent."""
        return [process for process in carrying(self._mark) if is_alive(process)]

    def survivors(self, within_seconds: float = 0) -> list[psutil.Process]:
        """The processes that still run after `within_seconds`."""
        try:
            wait_until(lambda: not self.processes(), "the end of all processes", seconds=within_seconds)
        except TimeoutError:
            return self.processes()
        return []

    def log(self) -> str:
        """The output of all its runs so far."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def is_healthy(self) -> bool:
        try:
            return http.get(f"{self.url}/api/health", timeout_seconds=2).status == 200
        except (OSError, http.BrokenTransfer):
            return False

    def manage(
        self, *arguments: str, check: bool = False, timeout_seconds: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run a management command in the site's environment. With `check`, raise if it fails."""
        self.var_dir.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            leashed([self.python, "manage.py", *arguments]),
            cwd=self.project,
            env=marked(hiding_packages_of_tests() | self.environment(), self._mark),
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
        """The environment: the given settings only. A developer's .env file is overridden."""
        essentials = {name: os.environ[name] for name in ESSENTIALS if name in os.environ}
        silenced = dict.fromkeys(dotenv_values(self.project / ".env"), "")  # empty counts as unset
        own = {"HOST": HOST, "PORT": str(self.port), "VAR_DIR": str(self.var_dir), "PYTHONUNBUFFERED": "1"}
        return essentials | silenced | own | self.env

    def prepare(self) -> None:
        """Do nothing: `serve` migrates and loads content itself."""

    def command(self) -> list[str]:
        return [self.python, "manage.py", "serve"]

    @property
    def _started(self) -> ServerProcess:
        if self._server is None:
            raise RuntimeError("not started yet")
        return self._server


class WebServer(Site):
    """Only the web server, without the task cluster and the default content.

    Two of them may share a DATABASE_URL. Like two hosts, they then need the same SECRET_KEY.
    """

    is_prepared = False  # the database and static files are prepared once for all starts

    def prepare(self) -> None:
        if not self.is_prepared:
            self.manage("migrate", "--verbosity", "0", check=True)
            if not (self.var_dir / "static").exists():
                self.manage("collectstatic", "--no-input", "--verbosity", "0", check=True)
            self.is_prepared = True

    def command(self) -> list[str]:
        return [
            *(self.python, "-m", "gunicorn", "-c", str(self.project / "lifereview" / "gunicorn.conf.py")),
            "lifereview.wsgi:application",
        ]

    def worker_pids(self) -> list[int]:
        """The processes that answer requests. The master replaces one that dies."""
        return [worker.pid for worker in psutil.Process(self.pid).children() if is_alive(worker)]


class SocketFileServer(WebServer):
    """A web server that only a proxy on this machine reaches, through a socket file."""

    @property
    def socket_file(self) -> Path:
        # Not below the folder of a test, which only its owner may enter: nginx has workers of another user.
        return Path(tempfile.gettempdir()) / f"lifereview-{self.port}.sock"

    def environment(self) -> dict[str, str]:
        return super().environment() | {"HOST": f"unix:{self.socket_file}"}

    def is_healthy(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.socket_file)) == 0
