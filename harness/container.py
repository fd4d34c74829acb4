"""ContainedServer: a web server in PID and mount namespaces of its own, as a container runs it."""

from __future__ import annotations

import os
import shutil
import subprocess

from harness import Unavailable
from harness.site import WebServer

_NEW_NAMESPACES = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")


class ContainedServer(WebServer):
    """Has the host name of this machine, as two containers may have the same, but processes of its own."""

    def command(self) -> list[str]:
        return [*_NEW_NAMESPACES, "--", *super().command()]


def require_namespaces() -> None:
    """Raise Unavailable if this machine cannot give a process namespaces of its own."""
    if shutil.which("unshare") is None:
        raise Unavailable("no unshare on the PATH, so there is no container")
    tried = subprocess.run([*_NEW_NAMESPACES, "true"], capture_output=True, text=True)
    if os.geteuid() != 0 or tried.returncode != 0:
        raise Unavailable("a container takes namespaces, and these take root")
