"""The pace of a run: quick ones repeat less, and a benchmark that is named may take its full time."""

from __future__ import annotations

import os

_PACE = "BENCH_PACE"
_QUICK, _THOROUGH = "quick", "thorough"


def make_quick() -> None:
    """Make this run a quick one, so that all of it takes two minutes."""
    os.environ[_PACE] = _QUICK


def make_thorough() -> None:
    """Make this run a thorough one."""
    os.environ[_PACE] = _THOROUGH


def repetitions(usual: int, *, quick: int = 0, thorough: int = 0) -> int:
    """Return how often to repeat something at the pace of this run."""
    return {_QUICK: quick, _THOROUGH: thorough}.get(os.environ.get(_PACE, "")) or usual
