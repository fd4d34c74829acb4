"""Serves static files under names that change with their content, so that browsers cache them for ever."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from whitenoise.storage import CompressedManifestStaticFilesStorage

from ttscache.fingerprint import fingerprint_of

MARK = ".named-and-compressed"


class StaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Also rewrites the imports of JavaScript modules, so that a page never mixes old and new scripts."""

    support_js_module_import_aggregation = True

    def post_process(self, paths: dict[str, Any], dry_run: bool = False, **options: Any) -> Iterator[Any]:
        """Name and compress the files, unless that was done for exactly these: it takes seconds per start."""
        mark, found = Path(self.location) / MARK, _fingerprint(paths)
        if dry_run or (mark.exists() and mark.read_text() == found):
            return
        mark.unlink(missing_ok=True)
        yield from super().post_process(paths, dry_run, **options)
        mark.write_text(found)


def _fingerprint(paths: dict[str, Any]) -> str:
    """A fingerprint of the found files: path, size and time of change."""
    stats = ((path, os.stat(storage.path(source))) for path, (storage, source) in paths.items())
    facts = sorted((path, stat.st_size, stat.st_mtime_ns) for path, stat in stats)
    return fingerprint_of(facts)
