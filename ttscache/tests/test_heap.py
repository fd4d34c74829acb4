"""The limits of the heaps make a process give memory back that its threads have freed."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import weakref

import pytest

from harness.process import PROJECT
from ttscache.heap import return_free_memory

pytestmark = [
    pytest.mark.any_database,
    pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="these limits are those of glibc"),
]

# Each thread frees 24 MB in blocks of 64 kB and holds one small block above them, as a log line would be.
USE_MEMORY_IN_THREADS = """
import sys, threading
from pathlib import Path
from ttscache.heap import limit_heaps, return_free_memory

is_limited = sys.argv[1] == "limited"
if is_limited:
    assert limit_heaps()
held, all_there, may_end = [], threading.Barrier(9), threading.Event()

def use():
    blocks = [bytes(65_536) for _ in range(384)]
    held.append(bytearray(2_000))
    del blocks
    all_there.wait()
    may_end.wait()

def resident_megabytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4_096 / 1e6

before = resident_megabytes()
for _ in range(8):
    threading.Thread(target=use).start()
all_there.wait()
if is_limited:
    return_free_memory()
print(resident_megabytes() - before)
may_end.set()
"""


def megabytes_left(how: str) -> float:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    done = subprocess.run(
        [sys.executable, "-c", USE_MEMORY_IN_THREADS, how],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return float(done.stdout)


def test_a_process_with_limited_heaps_gives_back_what_its_threads_freed() -> None:
    assert megabytes_left("limited") < 0.2 * megabytes_left("unlimited")


def test_returning_free_memory_frees_objects_that_refer_to_each_other() -> None:
    class Response:
        def __init__(self) -> None:
            self.request = self

    left = weakref.ref(Response())
    return_free_memory()

    assert left() is None
