"""Warming 24 clips of 1 s each, 5 at a time; the baseline makes them one after another.

Two whole sites, web server and task cluster, one with TTS_WARM_CONCURRENCY=5 and one with 1, take turns at
one provider. The time runs from the request for the run to its end; the ideal is ceil(24 / 5) = 5
rounds of 1 s. A worker of the cluster has to load its libraries before its first clip.
"""

from __future__ import annotations

import math
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.product import inside
from bench.table import Row, figure
from harness.openai_server import OpenAIServer
from harness.site import Site
from harness.speech_api.calls import peak_concurrency

REPETITIONS = 3
CLIPS = 24
CLIP_SECONDS = 1.0
AT_ONCE = 5
IDEAL_SECONDS = math.ceil(CLIPS / AT_ONCE) * CLIP_SECONDS
LONGEST_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Warmed:
    """One run. `first_call_seconds` run from the request to the first call of the service."""

    seconds: float
    first_call_seconds: float
    peak: int


def measure() -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, OpenAIServer() as voice:
        with (
            _site(Path(folder) / "five", voice, AT_ONCE) as ours,
            _site(Path(folder) / "one", voice, 1) as baseline,
        ):
            for site in (ours, baseline):
                inside(site.environment(), wait_until_idle)
            voice.behave(headers_delay_seconds=CLIP_SECONDS, chunks=1)
            warmed = [(_warm(ours, voice), _warm(baseline, voice)) for _ in range(REPETITIONS)]
        yield from _rows([five for five, _ in warmed], [one for _, one in warmed])


def _rows(five: list[Warmed], one: list[Warmed]) -> Iterator[Row]:
    yield Row(
        name=f"{CLIPS} clips made",
        ours=[run.seconds for run in five],
        baseline=[run.seconds for run in one],
        unit="s",
        notes=(
            f"ideal {figure(IDEAL_SECONDS / CLIPS / CLIP_SECONDS)}; calls at once "
            f"{max(run.peak for run in five)} and {max(run.peak for run in one)}"
        ),
    )
    first_calls = [run.first_call_seconds for run in five]
    yield Row(
        name="against the ideal",
        ours=[run.seconds for run in five],
        baseline=[IDEAL_SECONDS] * len(five),
        unit="s",
        notes=f"first call begun after {figure(median(first_calls))} s, at most {figure(max(first_calls))} s",
    )


def _site(var_dir: Path, voice: OpenAIServer, at_once: int) -> Site:
    return Site(
        var_dir,
        {
            "OPENAI_API_KEY": "test",
            "OPENAI_BASE_URL": voice.base_url,
            "TTS_WARM_CONCURRENCY": str(at_once),
            "TTS_LISTENER_VOICES": "nova",
            "WEB_WORKERS": "1",
        },
    )


def _warm(site: Site, voice: OpenAIServer) -> Warmed:
    known = {call.id for call in voice.calls()}
    run = inside(site.environment(), warm, words=uuid.uuid4().hex)
    calls = [call for call in voice.calls() if call.id not in known]
    if run["done"] != CLIPS or len(calls) != CLIPS:
        raise RuntimeError(f"{run['done']} clips of {CLIPS} were made, with {len(calls)} calls")
    return Warmed(
        seconds=run["finished_at"] - run["asked_at"],
        first_call_seconds=min(call.started_at for call in calls) - run["asked_at"],
        peak=peak_concurrency(calls),
    )


def warm(*, words: str) -> dict[str, Any]:
    """In the product: start the run as a published journey does, and wait for it. Times are time.time()."""
    from ttscache.models import ContentType
    from ttscache.renditions.current import request_for
    from ttscache.warming import ClipSpec, start_run
    from ttscache.warming.progress import progress_of

    wanted = [
        ClipSpec(request_for(f"Question {number} of {words}?", "nova"), ContentType.QUESTION)
        for number in range(CLIPS)
    ]
    asked_at = time.time()
    run = start_run(f"bench:{words}", wanted)
    _watch([run])
    assert run.finished_at is not None
    return {
        "asked_at": asked_at,
        "finished_at": run.finished_at.timestamp(),
        "done": progress_of(run)["done"],
    }


def wait_until_idle() -> None:
    """In the product: wait until the clips of the default journey are made."""
    from ttscache.models import WarmRun

    _watch(list(WarmRun.objects.active()))


def _watch(runs: list[Any]) -> None:
    end = time.monotonic() + LONGEST_SECONDS
    for run in runs:
        while run.state in run.ACTIVE:
            if time.monotonic() > end:
                raise TimeoutError(f"{run} is not done after {LONGEST_SECONDS} s")
            time.sleep(0.05)
            run.refresh_from_db()
