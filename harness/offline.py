"""Runs a program with no network except its own loopback, and lets clients enter that network.

    python -I -S offline.py COMMAND...

Inside `unshare --net` this brings the loopback up and becomes the command.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

CLONE_NEWNET = 0x40000000  # setns(2)
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1  # netdevice(7)


def offline(*command: str | Path) -> list[str]:
    """Change the command to run in a network namespace of its own. Raises Unavailable."""
    from harness import Unavailable

    program = shutil.which("unshare")
    if program is None:
        raise Unavailable("no unshare (Debian: util-linux) on the PATH, so there is no network namespace")
    tried = subprocess.run([program, "--net", "true"], capture_output=True, text=True)
    if tried.returncode != 0:
        raise Unavailable(f"no network namespace on this machine: {tried.stderr.strip()}")
    return [program, "--net", sys.executable, "-I", "-S", str(Path(__file__)), *map(str, command)]


@contextmanager
def in_network_of(pid: int) -> Iterator[ThreadPoolExecutor]:
    """Provide a thread whose sockets are in the network namespace of that process."""
    with ThreadPoolExecutor(1, "offline", _enter, (pid,)) as thread:
        yield thread


def _enter(pid: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    with open(f"/proc/{pid}/ns/net") as namespace:
        if library.setns(namespace.fileno(), CLONE_NEWNET) != 0:  # of the calling thread only
            raise OSError(ctypes.get_errno(), "setns")


def _bring_loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(probe, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(probe, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


if __name__ == "__main__":
    _bring_loopback_up()
    os.execvp(sys.argv[1], sys.argv[1:])
