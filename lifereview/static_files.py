"""Static files under names that change with their content, so that browsers may keep them for ever."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from whitenoise.storage import CompressedManifestStaticFilesStorage

from ttscache.fingerprint import fingerprint_of

MARK = ".named-and-compressed"


class StaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Modules name each other by these names too: a page never mixes old scripts with new ones."""

    support_js_module_import_aggregation = True

    def post_process(self, paths: dict[str, Any], dry_run: bool = False, **options: Any) -> Iterator[Any]:
        """Names and compresses them, unless that was done for these very files: each start would take
        seconds longer."""
        mark, found = Path(self.location) / MARK, _fingerprint(paths)
        if dry_run or (mark.exists() and mark.read_text() == found):
            return
        mark.unlink(missing_ok=True)
        yield from super().post_process(paths, dry_run, **options)
        mark.write_text(found)


def _fingerprint(paths: dict[str, Any]) -> str:
    """Of what collectstatic found: where from, how large, how old."""
    stats = ((path, os.stat(storage.path(source))) for path, (storage, source) in paths.items())
    facts = sorted((path, stat.st_size, stat.st_mtime_ns) for path, stat in stats)
    return fingerprint_of(facts)
