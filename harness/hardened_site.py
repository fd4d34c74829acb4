"""HardenedSite: a site that can write nowhere but in its VAR_DIR, as on a host that was locked down."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess

from harness import Unavailable
from harness.site import Site

# Makes every file system read-only for the program that follows, except the folder $0. The kernel's own ones
# cannot be written anyway, and those that refuse are left as they are.
_LOCK_DOWN = """
set -e
mount --make-rprivate /
mount --bind "$0" "$0"
cut -d ' ' -f 2 /proc/self/mounts | sort -u | while read -r place; do
    case "$place" in "$0"|/proc*|/sys*|/dev*) ;;
    *) mount -o remount,ro,bind "$place" 2>/dev/null || true ;;
    esac
done
if touch "$1" 2>/dev/null; then exit 9; fi
shift
exec "$@"
"""


class HardenedSite(Site):
    """Root and temporary folders are read-only; VAR_DIR and shared memory are not, as in a container."""

    def command(self) -> list[str]:
        var_dir = str(self.var_dir.resolve())
        probe = str(self.var_dir.resolve().parent / "cannot-be-made")
        lock_down = shlex.join(["sh", "-c", _LOCK_DOWN, var_dir, probe, *super().command()])
        return ["unshare", "--mount", "--", "sh", "-c", f"exec {lock_down}"]


def require_mounts() -> None:
    """Raise Unavailable if this machine cannot give a process mounts of its own."""
    if shutil.which("unshare") is None:
        raise Unavailable("no unshare on the PATH, so no file system can be made read-only")
    tried = subprocess.run(["unshare", "--mount", "true"], capture_output=True, text=True)
    if os.geteuid() != 0 or tried.returncode != 0:
        raise Unavailable("mounts of its own take root")
