"""OtherHost: a simulated host on this machine, with its own network, name and cable; and sites on it."""

from __future__ import annotations

import ctypes
import json
import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from harness import Unavailable
from harness.process import ServerProcess
from harness.site import Site, WebServer
from harness.waiting import wait_until

CLONE_NEWNET = 0x40000000  # setns(2)
PROGRAMS = ("unshare", "nsenter", "ip", "hostname")
SWITCH = "switch"


@dataclass(frozen=True, slots=True)
class Network:
    """A switch to which this machine is connected as `near`, and each other host by a cable.

    It has its own namespace, so that a new host changes no network device of this machine. Chromium would end
    all its connections at such a change (net::ERR_NETWORK_CHANGED).
    """

    pid: int  # of the process that holds the namespace
    prefix: str

    @property
    def near(self) -> str:
        return f"{self.prefix}.1"

    def command(self, command: Sequence[str]) -> list[str]:
        """Change the command to run in this network."""
        return ["nsenter", "--target", str(self.pid), "--net", "--", *command]

    def run(self, *command: str) -> str:
        return _run(*self.command(command))

    def plug(self, cable: str) -> None:
        """Plug a cable into the switch."""
        self.run("ip", "link", "set", cable, "master", SWITCH)
        self.run("ip", "link", "set", cable, "up")

    def connect(self, cable: str, namespace: int) -> str:
        """Lay a cable to eth0 in that process's namespace; returns a unique address.

        The address is unique because the kernel numbers the devices of a namespace and never reuses a number.
        """
        self.run("ip", "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", str(namespace))
        self.plug(cable)
        number = int(json.loads(self.run("ip", "-json", "link", "show", cable))[0]["ifindex"])
        return f"{self.prefix}.{number}"


@contextmanager
def new_network() -> Iterator[Network]:
    """Create a network that ends with the block or this process. Raises Unavailable without root."""
    _check_machine()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="harness-network-")))
        holder = _holder(folder, "--net")
        stack.callback(holder.kill)
        made = Network(holder.pid, f"10.{random.randint(200, 250)}.{random.randint(0, 255)}")
        made.run("ip", "link", "add", SWITCH, "type", "bridge")
        made.run("ip", "link", "set", SWITCH, "up")
        cable = f"lr{random.randbytes(4).hex()}"
        made.run(
            "ip", "link", "add", "near", "type", "veth", "peer", "name", cable, "netns", str(os.getpid())
        )
        made.plug("near")
        _run("ip", "address", "add", f"{made.near}/24", "dev", cable)
        _run("ip", "link", "set", cable, "up")
        yield made


class OtherHost:
    """A host at `address`, which reaches this machine at `near`. It ends with the block or this process.

    It shares this machine's processes, folders and clock. Raises Unavailable without root.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self.near = network.near
        self.address = ""  # set once it is connected
        self.name = f"far-{random.randbytes(3).hex()}"
        self.cable = f"lr{random.randbytes(4).hex()}"
        self._folder: Path | None = None
        # The namespaces and their cable exist as long as this process.
        self._holder: ServerProcess | None = None

    def __enter__(self) -> Self:
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
        """Change the command to run on this host."""
        return ["nsenter", "--target", str(self._pid), "--net", "--uts", "--", *command]

    def pull_cable(self) -> None:
        """Cut the host off. As with a real cable, no connection is closed."""
        self._network.run("ip", "link", "set", self.cable, "down")

    def plug_in(self) -> None:
        self._network.run("ip", "link", "set", self.cable, "up")

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Let this thread connect from the other host within the block."""
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
        self._holder = _holder(folder, "--net", "--uts")
        self.address = self._network.connect(self.cable, self._holder.pid)
        _run(*self.command(["hostname", self.name]))
        _run(*self.command(["ip", "address", "add", f"{self.address}/24", "dev", "eth0"]))
        for device in ("lo", "eth0"):
            _run(*self.command(["ip", "link", "set", device, "up"]))


class FarSite(Site):
    """`manage.py serve` on another host, with its own folders. `env` names what it shares."""

    def __init__(self, host: OtherHost, var_dir: Path, env: Mapping[str, str]) -> None:
        super().__init__(var_dir, {"ALLOWED_HOSTS": host.address, **env, "HOST": host.address})
        self.url = f"http://{host.address}:{self.port}"
        self.host = host

    def command(self) -> list[str]:
        return self.host.command(super().command())


class FarServer(FarSite, WebServer):
    """Only the web server."""

    is_prepared = True  # the site whose database it shares has prepared it


def _check_machine() -> None:
    if missing := [program for program in PROGRAMS if shutil.which(program) is None]:
        raise Unavailable(f"no {missing[0]} on the PATH, so there is no other host")
    tried = subprocess.run(["unshare", "--net", "--uts", "true"], capture_output=True, text=True)
    if os.geteuid() != 0 or tried.returncode != 0:
        raise Unavailable("another host takes network namespaces, and these take root")


def _holder(folder: Path, *namespaces: str) -> ServerProcess:
    """Start a process that holds new namespaces as long as it runs."""
    holder = ServerProcess(["unshare", *namespaces, "--", "sleep", "infinity"], log=folder / "log")
    wait_until(lambda: _namespace(holder.pid) != _namespace(os.getpid()), "a network of its own")
    return holder


def _enter(namespace: int) -> None:
    """Move only this thread into the namespace (setns(2); os.setns exists from Python 3.12 on)."""
    if ctypes.CDLL(None, use_errno=True).setns(namespace, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _namespace(pid: int) -> str:
    return os.readlink(f"/proc/{pid}/ns/net")


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
