"""SmallDisk: a file system of a few bytes, so that a full disk is a real one."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest


class SmallDisk:
    """A tmpfs over a folder, whose size in bytes may be changed later. Mounting takes root; without it the
    test is skipped."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        self._size = size

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        mounted = _run("mount", "-t", "tmpfs", "-o", f"size={self._size}", "tmpfs", str(self.folder))
        if mounted.returncode:
            pytest.skip(f"no small disk to be had here: {mounted.stderr.strip()}")
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
