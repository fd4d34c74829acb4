"""Whether VAR_DIR can be written: a full or read-only disk is found before anything fails halfway."""

from __future__ import annotations

import errno
import tempfile
from pathlib import Path

# Less would do for a start, but the first requests would fill the disk.
NEEDED_BYTES = 8 * 1024**2

_REMEDIES = {
    errno.ENOSPC: "free some space there",
    errno.EDQUOT: "free some space there, or raise the quota",
    errno.EFBIG: "raise the limit on the size of a file (ulimit -f)",
    errno.EROFS: "mount it so that it can be written",
}
_REMEDY_OF_RIGHTS = "let the user of this process write there"


def problem_with_writing(folder: Path, *files: Path) -> str:
    """The folder, or the first of these files, that cannot be written: its path, why, and the remedy.

    Empty if all can be written. Files that do not exist are left out.
    """
    place = folder
    try:
        for place in files:
            if place.exists():
                place.open("r+b").close()
        place = folder
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(NEEDED_BYTES))
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0, _REMEDY_OF_RIGHTS)
        return f"{place} cannot be written ({error.strerror}): {remedy}"
    return ""
