"""SmallDisk: a tiny file system, to test with a disk that is really full."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest


class SmallDisk:
    """A tmpfs over a folder, whose size in bytes can be changed. Skips the test without root to mount it."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        self._size = size

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        mounted = _run("mount", "-t", "tmpfs", "-o", f"size={self._size}", "tmpfs", str(self.folder))
        if mounted.returncode:
            pytest.skip(f"cannot mount a small disk: {mounted.stderr.strip()}")
        return self

    def resize(self, size: int) -> None:
        resized = _run("mount", "-o", f"remount,size={size}", str(self.folder))
        resized.check_returncode()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _run("umount", "--lazy", str(self.folder))


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)
