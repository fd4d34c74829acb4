"""Keeps temporary files in VAR_DIR: it may be the only folder that a hardened host lets this site write."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from django.conf import settings


def use_own_temporary_folder() -> None:
    """Make Python and all programs that this process starts put their temporary files into VAR_DIR."""
    folder: Path = settings.TEMPORARY_DIR
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError:
        return  # VAR_DIR cannot be written; Python looks for another folder
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)


def folder_in_memory() -> str:
    """A folder whose files never wait for a disk if there is one, else that in VAR_DIR."""
    shared = "/dev/shm"  # noqa: S108 - gunicorn's file there has no name
    return shared if os.access(shared, os.W_OK) else str(settings.TEMPORARY_DIR)
