"""The pace of a run: `make bench-quick` repeats less, so that all of it takes two minutes."""

from __future__ import annotations

import os

_QUICK = "BENCH_QUICK"


def hurry() -> None:
    """Make this run a quick one."""
    os.environ[_QUICK] = "1"


def is_quick() -> bool:
    return bool(os.environ.get(_QUICK))


def repetitions(usual: int, quick: int) -> int:
    return quick if is_quick() else usual
