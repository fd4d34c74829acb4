"""Tells whether the process that owns a lease still runs, even after its number went to another process."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from functools import cache
from pathlib import Path

from ttscache.coordination.hosts import this_host

_STARTED = 19  # the 22nd field of /proc/PID/stat (proc(5)), counted from the first one after the name


def new_owner_id() -> str:
    """Host, number and start of this process, and a random part: each lease has an owner of its own."""
    process = os.getpid()
    return f"{this_host()}:{process}:{_word_of(process)}:{secrets.token_hex(3)}"


def is_owner_dead(owner: str) -> bool:
    """Whether the process of this owner ran on this host and has ended. False for one of another host.

    A host stands for one boot of one kernel and one PID namespace, so its process numbers mean ours.
    """
    host, _, rest = owner.rpartition(":")[0].rpartition(":")[0].rpartition(":")
    if host != this_host() or not rest.isdecimal():
        return False
    process, word = int(rest), owner.split(":")[-2]
    if not is_process_alive(process):
        return True
    state, started = _state_and_start_of(process)
    is_another = word.startswith("s") and word != started
    return bool(started) and (state in "ZX" or is_another)  # a zombie has ended; see proc(5)


def is_process_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@cache
def _word_of(process: int) -> str:
    """A word that tells this process from a later one with its number. A fork has another number."""
    return _state_and_start_of(process)[1] or secrets.token_hex(4)


def _state_and_start_of(process: int) -> tuple[str, str]:
    """Its state, and when it began, in ticks since the boot: no clock that can be set changes that.

    Both are empty where the system does not tell (not Linux).
    """
    with suppress(OSError, IndexError):
        # The name, in brackets, may hold spaces and brackets itself.
        fields = Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return fields[0], f"s{fields[_STARTED]}"
    return "", ""
