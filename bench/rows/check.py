"""CPU of the whole check of a clip of 7 s of MP3; the baseline only decodes the clip with PyAV.

The check is `audio.examine` and `audio.check_whole`: frames, one full decode, duration, loudness, peaks.
CPU counts all threads of the process. The notes give the time to hash the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from bench.product import inside
from bench.table import MeasuredRow, rounded
from harness.site import Site
from harness.speech_api import sound

ROUNDS = 7
CALLS = 15  # of one round
SECONDS = 7
TEXT = "What place from your childhood comes to mind most often? ".ljust(
    SECONDS * sound.CHARACTERS_PER_SECOND, "a"
)


def measure() -> Iterator[MeasuredRow]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        used = inside(Site(Path(folder) / "var").environment(), cpu_times)
    yield MeasuredRow(
        name=f"check of {SECONDS} s",
        ours=used["check"],
        baseline=used["decode"],
        unit="ms of CPU",
        notes=f"{used['bytes']:,} bytes; their SHA-256 takes {rounded(median(used['sha256']))} ms",
    )


def cpu_times() -> dict[str, Any]:
    """In the product: the median milliseconds of CPU in each round."""
    from ttscache import audio

    clip = sound.spoken_clip(TEXT, "nova", "mp3")

    def check() -> None:
        facts = audio.examine(clip, "mp3")
        assert abs(facts.duration_ms - 1_000 * SECONDS) < 200
        audio.check_whole(facts, TEXT)

    cases: dict[str, Callable[[], object]] = {
        "check": check,
        "decode": lambda: count_samples(clip),
        "sha256": lambda: hashlib.sha256(clip).hexdigest(),
    }
    for call in cases.values():
        call()  # the first call imports libraries
    rounds = [{name: _median_ms(call) for name, call in cases.items()} for _ in range(ROUNDS)]
    return {"bytes": len(clip)} | {name: [each[name] for each in rounds] for name in cases}


def count_samples(clip: bytes) -> int:
    """Decode the clip and count its samples."""
    import av

    with av.open(io.BytesIO(clip), "r", format="mp3") as container:
        return sum(frame.samples for frame in container.decode(container.streams.audio[0]))


def _median_ms(call: Callable[[], object]) -> float:
    took = []
    for _ in range(CALLS):
        began = time.process_time_ns()
        call()
        took.append((time.process_time_ns() - began) / 1e6)
    return median(took)
