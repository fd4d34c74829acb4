"""OtherHost: a host on this machine with a network and a name of its own, a cable away; and sites there."""

from __future__ import annotations

import atexit
import ctypes
import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from harness import Unavailable
from harness.process import ServerProcess
from harness.site import Site, WebServer
from harness.waiting import wait_until

CLONE_NEWNET = 0x40000000  # setns(2)
PROGRAMS = ("unshare", "nsenter", "ip", "hostname")


class Network:
    """A switch on this machine, to which it is connected as `near` and other hosts by a cable each.

    Raises Unavailable where namespaces need root.
    """

    def __init__(self) -> None:
        self._prefix = f"10.{random.randint(200, 250)}.{random.randint(0, 255)}"
        self._switch = f"lr{random.randbytes(4).hex()}"
        self._next = count(2)
        self.near = f"{self._prefix}.1"

    def __enter__(self) -> Self:
        _check_machine()
        _run("ip", "link", "add", self._switch, "type", "bridge")
        try:
            _run("ip", "address", "add", f"{self.near}/24", "dev", self._switch)
            _run("ip", "link", "set", self._switch, "up")
        except BaseException:
            self.close()
            raise
        atexit.register(self.close)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        atexit.unregister(self.close)
        subprocess.run(["ip", "link", "delete", self._switch], capture_output=True)

    def address(self) -> str:
        """One that nobody has yet."""
        return f"{self._prefix}.{next(self._next)}"

    def connect(self, cable: str) -> None:
        _run("ip", "link", "set", cable, "master", self._switch)


class OtherHost:
    """Reached at `address`; from there this machine is `near`. All of it ends with the block, or with us.

    It has a cable of its own to this machine, or one to a network that it shares with others. It shares this
    machine's processes, folders and clock. Raises Unavailable where namespaces need root.
    """

    def __init__(self, network: Network | None = None) -> None:
        self._network = network
        prefix = f"10.{random.randint(200, 250)}.{random.randint(0, 255)}"
        self.near = network.near if network else f"{prefix}.1"
        self.address = network.address() if network else f"{prefix}.2"
        self.name = f"far-{random.randbytes(3).hex()}"
        self._cable = f"lr{random.randbytes(4).hex()}"
        self._folder: Path | None = None
        # The namespaces, and the cable into them, last as long as it.
        self._holder: ServerProcess | None = None

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
        return ["nsenter", "--target", str(self._pid), "--net", "--uts", "--", *command]

    def pull_cable(self) -> None:
        """From now on nothing reaches it and nothing leaves it; no connection is told."""
        _run("ip", "link", "set", self._cable, "down")

    def plug_in(self) -> None:
        _run("ip", "link", "set", self._cable, "up")

    @contextmanager
    def inside(self) -> Iterator[None]:
        """What this thread connects to meanwhile, it reaches from there."""
        with open(f"/proc/{self._pid}/ns/net") as there, open("/proc/thread-self/ns/net") as here:
            _enter(there.fileno())
            try:
                yield
            finally:
                _enter(here.fileno())

    @property
    def _pid(self) -> int:
        assert self._holder is not None
        return self._holder.pid

    def _start(self, folder: Path) -> None:
        self._holder = ServerProcess(
            ["unshare", "--net", "--uts", "--", "sleep", "infinity"], log=folder / "log"
        )
        pid = self._holder.pid
        wait_until(lambda: _namespace(pid) != _namespace(os.getpid()), "a network of its own")
        _run("ip", "link", "add", self._cable, "type", "veth", "peer", "name", "eth0", "netns", str(pid))
        if self._network is None:
            _run("ip", "address", "add", f"{self.near}/24", "dev", self._cable)
        else:
            self._network.connect(self._cable)
        self.plug_in()
        _run(*self.command(["hostname", self.name]))
        _run(*self.command(["ip", "address", "add", f"{self.address}/24", "dev", "eth0"]))
        for device in ("lo", "eth0"):
            _run(*self.command(["ip", "link", "set", device, "up"]))


class FarSite(Site):
    """`manage.py serve` on another host, with folders of its own; what it shares, its `env` says."""

    def __init__(self, host: OtherHost, var_dir: Path, env: Mapping[str, str]) -> None:
        super().__init__(var_dir, {"ALLOWED_HOSTS": host.address, **env, "HOST": host.address})
        self.url = f"http://{host.address}:{self.port}"
        self.host = host

    def command(self) -> list[str]:
        return self.host.command(super().command())


class FarServer(FarSite, WebServer):
    """The web server alone."""

    is_prepared = True  # by the one whose database it shares


def _check_machine() -> None:
    if missing := [program for program in PROGRAMS if shutil.which(program) is None]:
        raise Unavailable(f"no {missing[0]} on the PATH, so there is no other host")
    tried = subprocess.run(["unshare", "--net", "--uts", "true"], capture_output=True, text=True)
    if os.geteuid() != 0 or tried.returncode != 0:
        raise Unavailable("another host takes network namespaces, and these take root")


def _enter(namespace: int) -> None:
    """With this thread alone (setns(2); in the os module from Python 3.12 on)."""
    if ctypes.CDLL(None, use_errno=True).setns(namespace, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _namespace(pid: int) -> str:
    return os.readlink(f"/proc/{pid}/ns/net")


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(command)}: {done.stderr.strip()}")
