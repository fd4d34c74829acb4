"""OtherHost: a host on this machine with a network and a name of its own, a cable away; and FarServer."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from harness import Unavailable
from harness.process import ServerProcess
from harness.site import WebServer
from harness.waiting import wait_until

PROGRAMS = ("unshare", "nsenter", "ip", "hostname")


class OtherHost:
    """Reached at `address`; from there this machine is `near`. All of it ends with the block, or with us.

    It shares this machine's processes, folders and clock. Raises Unavailable where namespaces need root.
    """

    def __init__(self) -> None:
        network = f"10.{random.randint(200, 250)}.{random.randint(0, 255)}"
        self.near, self.address = f"{network}.1", f"{network}.2"
        self.name = f"far-{random.randbytes(3).hex()}"
        self._cable = f"lr{random.randbytes(4).hex()}"
        self._folder: Path | None = None
        self._holder: ServerProcess | None = (
            None  # the namespaces, and the cable into them, last as long as it
        )

    def __enter__(self) -> Self:
        _check_machine()
        self._folder = Path(tempfile.mkdtemp(prefix="harness-host-"))
        try:
            self._start(self._folder)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._holder is not None:
            self._holder.kill()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def command(self, command: Sequence[str]) -> list[str]:
        """The command, changed so that it runs there."""
        assert self._holder is not None
        return ["nsenter", "--target", str(self._holder.pid), "--net", "--uts", "--", *command]

    def _start(self, folder: Path) -> None:
        self._holder = ServerProcess(
            ["unshare", "--net", "--uts", "--", "sleep", "infinity"], log=folder / "log"
        )
        pid = self._holder.pid
        wait_until(lambda: _namespace(pid) != _namespace(os.getpid()), "a network of its own")
        _run("ip", "link", "add", self._cable, "type", "veth", "peer", "name", "eth0", "netns", str(pid))
        _run("ip", "address", "add", f"{self.near}/30", "dev", self._cable)
        _run("ip", "link", "set", self._cable, "up")
        _run(*self.command(["hostname", self.name]))
        _run(*self.command(["ip", "address", "add", f"{self.address}/30", "dev", "eth0"]))
        for device in ("lo", "eth0"):
            _run(*self.command(["ip", "link", "set", device, "up"]))


class FarServer(WebServer):
    """The web server on another host, with folders of its own; what it shares, its `env` says."""

    is_prepared = True  # by the one whose database it shares

    def __init__(self, host: OtherHost, var_dir: Path, env: Mapping[str, str]) -> None:
        super().__init__(var_dir, {**env, "HOST": host.address, "ALLOWED_HOSTS": host.address})
        self.url = f"http://{host.address}:{self.port}"
        self._host = host

    def command(self) -> list[str]:
        return self._host.command(super().command())


def _check_machine() -> None:
    if missing := [program for program in PROGRAMS if shutil.which(program) is None]:
        raise Unavailable(f"no {missing[0]} on the PATH, so there is no other host")
    tried = subprocess.run(["unshare", "--net", "--uts", "true"], capture_output=True, text=True)
    if os.geteuid() != 0 or tried.returncode != 0:
        raise Unavailable("another host takes network namespaces, and these take root")


def _namespace(pid: int) -> str:
    return os.readlink(f"/proc/{pid}/ns/net")


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(command)}: {done.stderr.strip()}")
