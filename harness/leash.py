"""Become another program that dies with the one who started it, as another user where asked.

    python -I -S leash.py PARENT_PID USER COMMAND...

A program of its own, because Popen's preexec_fn runs Python code in a fork of a process with threads.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: str, user: str, *command: str) -> None:
    if user:
        account = pwd.getpwnam(user)
        os.setgroups([])
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
    if sys.platform == "linux":  # after setuid, which takes the setting back
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # A shell has its background jobs ignore Ctrl-C, and they pass that on to all they start.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if os.getppid() != int(parent):
        sys.exit("the program that asked for this one is gone")
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
