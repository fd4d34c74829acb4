"""Python loads this at the start of each process that has this folder on its PYTHONPATH.

A process that gets SIGRTMIN writes what each of its threads does, and how much memory it needs, into a file
in the folder that THREAD_DUMPS names; `harness/threads.py` reads it. gunicorn and Django use other signals.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import sys
import threading
import traceback
from pathlib import Path


def _dump(*_: object) -> None:
    # Not threading.enumerate(): the handler runs between any two steps of the main thread, which may
    # hold the lock that enumerate() takes.
    names = {ident: thread.name for ident, thread in list(threading._active.items())}  # type: ignore[attr-defined]
    told = [
        {
            "name": names.get(ident, "unknown"),
            "stack": [f"{line.filename}:{line.name}" for line in traceback.extract_stack(frame)],
        }
        for ident, frame in sys._current_frames().items()
    ]
    # The memory in use: without garbage, and after glibc has returned its free pages to the system.
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    path = Path(os.environ["THREAD_DUMPS"]) / f"{os.getpid()}.json"
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps({"threads": told, "memory": resident}))
    draft.replace(path)


signal.signal(signal.SIGRTMIN, _dump)
