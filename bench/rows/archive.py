"""Export and import of clips, in ms per clip; the baseline reads or writes the same two rows with plain SQL.

The baseline commits each clip, as an import does so that a kill loses none. Memory is the peak of the whole
process, against the allowed 100 MB.
"""

from __future__ import annotations

import random
import sqlite3
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from bench.product import inside
from bench.table import Judged, MeasuredRow, Target
from harness.clips import archived_clip, write_archive
from harness.site import Site, WebServer

CLIPS = 500
SOUND_BYTES = 20_000
ROUNDS = 3
MOST_MEGABYTES = 100

Figures = dict[str, list[float]]


def measure() -> Iterator[MeasuredRow]:
    took: Figures = {"import": [], "export": [], "write": [], "read": [], "megabytes": []}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        make_archive(Path(folder) / "in.tar")
        for turn in range(ROUNDS):
            site = WebServer(Path(folder) / f"var{turn}")
            site.manage("migrate", "--verbosity", "0", check=True)
            figures = inside(site.environment(), times_of_both, folder=folder)
            for name, value in {**figures, **plain_times(site)}.items():
                took[name].append(value)
    notes = f"{CLIPS} clips of {SOUND_BYTES:,} bytes, SQLite"
    yield MeasuredRow(
        name="import a clip", ours=took["import"], baseline=took["write"], unit="ms", notes=notes
    )
    yield MeasuredRow(
        name="export a clip", ours=took["export"], baseline=took["read"], unit="ms", notes=notes
    )
    bound = Target(Judged.FIGURE, MOST_MEGABYTES)
    yield MeasuredRow(name="peak memory of both", ours=took["megabytes"], unit="MB", target=bound)


def make_archive(file: Path) -> None:
    chance = random.Random(7)
    texts = [f"Clip {place} of a life." for place in range(CLIPS)]
    write_archive(file, [archived_clip(text, chance.randbytes(SOUND_BYTES)) for text in texts])


def times_of_both(folder: str) -> dict[str, Any]:
    """In the product: milliseconds per clip, and megabytes."""
    from django.core.management import call_command

    def per_clip(command: str, file: str) -> float:
        began = time.perf_counter()
        call_command(command, str(Path(folder) / file))
        return (time.perf_counter() - began) * 1_000 / CLIPS

    took = {"import": per_clip("import_clips", "in.tar"), "export": per_clip("export_clips", "out.tar")}
    status = Path("/proc/self/status").read_text().splitlines()
    (peak_kilobytes,) = (int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    return took | {"megabytes": peak_kilobytes / 1024}


def plain_times(site: Site) -> dict[str, float]:
    """Milliseconds per clip to read the two rows, and to write them into a similar table."""
    columns = "SELECT c.*, f.file_data FROM tts_cache c JOIN tts_cache_files f ON f.cache_id = c.id"
    with closing(sqlite3.connect(site.var_dir / "lifereview.sqlite3", isolation_level=None)) as database:
        database.execute("PRAGMA synchronous=NORMAL")
        keys = [key for (key,) in database.execute("SELECT content_hash FROM tts_cache")]
        began = time.perf_counter()
        rows = [database.execute(f"{columns} WHERE content_hash = ?", [key]).fetchone() for key in keys]
        read_ms = (time.perf_counter() - began) * 1_000 / CLIPS
        database.execute("CREATE TABLE plain (id TEXT PRIMARY KEY, words TEXT, sound BLOB)")
        began = time.perf_counter()
        for row in rows:
            database.execute("INSERT INTO plain VALUES (?, ?, ?)", [uuid.uuid4().hex, str(row[:-1]), row[-1]])
        write_ms = (time.perf_counter() - began) * 1_000 / CLIPS
    return {"read": read_ms, "write": write_ms}
