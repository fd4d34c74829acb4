"""`make install` says why no virtual environment can be made, and deletes nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.process import PROJECT

pytestmark = pytest.mark.any_database


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project without an environment, whose folder `.venv` holds a file of somebody's own."""
    folder = tmp_path / "project"
    (folder / ".venv").mkdir(parents=True)
    (folder / ".venv" / "letter").write_text("Dear Ana")
    for name in ("Makefile", "requirements.txt"):
        shutil.copy(PROJECT / name, folder)
    return folder


def python_without(folder: Path, *, module: str = "", fails: bool = False) -> Path:
    """A Python that lacks a module, as Debian's without python3-venv, or whose venv module fails."""
    program = folder / "python"
    program.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *"import {module}"*) exit 1;; esac\n'
        + ('case "$*" in "-m venv"*) echo "No space left on device" >&2; exit 1;; esac\n' if fails else "")
        + f'exec {sys.executable} "$@"\n'
    )
    program.chmod(0o755)
    return program


def make(project: Path, python: Path | str, *before: str) -> str:
    """Return what `make install` says; it must fail."""
    done = subprocess.run(
        [*before, "make", "-C", str(project), "--no-print-directory", "install", f"PYTHON={python}"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    assert (project / ".venv" / "letter").read_text() == "Dear Ana"
    return done.stdout + done.stderr


def test_a_missing_venv_module_is_named_and_nothing_is_deleted(project: Path, tmp_path: Path) -> None:
    assert "apt install python3-venv" in make(project, python_without(tmp_path, module="ensurepip"))
    assert [each.name for each in (project / ".venv").iterdir()] == ["letter"]


def test_another_failure_is_not_called_a_missing_module(project: Path, tmp_path: Path) -> None:
    said = make(project, python_without(tmp_path, module="nothing", fails=True))

    assert "No space left on device" in said
    assert "python3-venv" not in said


def test_a_read_only_folder_is_not_called_a_missing_module(project: Path) -> None:
    mounted = f"mount --bind {project} {project} && mount -o remount,ro,bind {project}"
    if os.geteuid() == 0:
        said = make(project, sys.executable, "unshare", "--mount", "sh", "-c", f'{mounted} && exec "$@"', "-")
    else:
        project.chmod(0o555)
        said = make(project, sys.executable)
        project.chmod(0o755)

    assert "cannot be written" in said
    assert "python3-venv" not in said
