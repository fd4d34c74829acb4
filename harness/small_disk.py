"""SmallDisk and ReadOnlyDisk: file systems to test with a disk that is really full, or cannot be written."""

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


class ReadOnlyDisk:
    """Mounts a folder over itself so that nobody can write there. Skips the test without root to mount it."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)

    def __enter__(self) -> Self:
        mounted = _run("mount", "--bind", self._folder, self._folder)
        if mounted.returncode:
            pytest.skip(f"cannot mount a read-only disk: {mounted.stderr.strip()}")
        _run("mount", "-o", "remount,ro,bind", self._folder).check_returncode()
        return self

    def make_writable(self) -> None:
        _run("mount", "-o", "remount,rw,bind", self._folder).check_returncode()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _run("umount", "--lazy", self._folder)


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)
