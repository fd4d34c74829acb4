"""First load: 34 clips of 1 s in two voices, 5 at a time, against the earlier design; the limit is the ideal.

A whole site, web server and task cluster, makes 17 new texts in two voices, as two runs. The time runs from
the request for the runs to their end; the ideal is ceil(34 / 5) = 7 rounds of 1 s. The last row is the
default journey of a site that starts on an empty folder, from the first call to the end of its runs. The
earlier design makes one clip after another.
"""

from __future__ import annotations

import math
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.baselines.servers import Baseline, earlier_service
from bench.product import inside
from bench.table import Judged, MeasuredRow, Target, rounded
from harness import http
from harness.openai_server import OpenAIServer
from harness.postgres import PostgresServer
from harness.site import Site
from harness.speech_api.calls import peak_concurrency

REPETITIONS = 3
TEXTS, VOICES = 17, ("nova", "onyx")
CLIPS = TEXTS * len(VOICES)
CLIP_SECONDS = 1.0
AT_ONCE = 5
IDEAL_SECONDS = math.ceil(CLIPS / AT_ONCE) * CLIP_SECONDS
LONGEST_SECONDS = 60
AT_MOST = Target(Judged.TO_LIMIT, 1.15)


@dataclass(frozen=True, slots=True)
class Warmed:
    """One load. `first_call_seconds` run from the request to the first call of the service."""

    seconds: float
    first_call_seconds: float
    peak: int


def measure() -> Iterator[MeasuredRow]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        voice = stack.enter_context(OpenAIServer())
        voice.behave(headers_delay_seconds=CLIP_SECONDS, chunks=1)
        postgres = stack.enter_context(PostgresServer())
        given = {
            "OPENAI_API_KEY": "bench",
            "OPENAI_BASE_URL": voice.base_url,
            "TTS_WARM_CONCURRENCY": str(AT_ONCE),
            "WEB_WORKERS": "1",
        }
        site = stack.enter_context(Site(folder / "var", given))
        ended_at = inside(site.environment(), wait_until_idle)
        calls = voice.calls()
        fresh_seconds = ended_at - min(call.started_at for call in calls)
        fresh_ideal = math.ceil(len(calls) / AT_ONCE) * CLIP_SECONDS
        texts = [f"Question {number} of the earlier design?" for number in range(TEXTS)]
        url = postgres.create_database()
        earlier = stack.enter_context(
            earlier_service(site, url, provider=voice.base_url, narratives=texts),
        )
        warmed = [_warm(site, voice) for _ in range(REPETITIONS)]
        yield from _rows(warmed, _warm_plainly(earlier))
        yield MeasuredRow(
            name="of a new site",
            ours=[fresh_seconds],
            limit=[fresh_ideal],
            unit="s",
            target=AT_MOST,
            notes=f"{len(calls)} clips, at most {peak_concurrency(calls)} at once",
        )


def _rows(warmed: list[Warmed], earlier_seconds: float) -> Iterator[MeasuredRow]:
    first_calls = [each.first_call_seconds for each in warmed]
    yield MeasuredRow(
        name=f"{CLIPS} clips made",
        ours=[each.seconds for each in warmed],
        baseline=[earlier_seconds],
        limit=[IDEAL_SECONDS],
        unit="s",
        target=AT_MOST,
        notes=f"at most {max(each.peak for each in warmed)} calls at once",
    )
    yield MeasuredRow(
        name="first call after the request",
        ours=first_calls,
        unit="s",
        target=Target(Judged.FIGURE, 1),
        notes=f"median {rounded(median(first_calls))} s, at most {rounded(max(first_calls))} s",
    )


def _warm_plainly(earlier: Baseline) -> float:
    """Ask the earlier design for all clips of each voice in turn; returns the seconds of all."""
    began = time.monotonic()
    for voice in VOICES:
        body = {"voice": voice}
        answer = http.post_json(
            f"{earlier.url}/api/pre-cache-narratives", body, timeout_seconds=LONGEST_SECONDS
        )
        if answer.json()["total_count"] != TEXTS:
            raise RuntimeError(f"not all was made: {answer.body!r}")
    return time.monotonic() - began


def _warm(site: Site, voice: OpenAIServer) -> Warmed:
    known = {call.id for call in voice.calls()}
    run = inside(site.environment(), warm, words=uuid.uuid4().hex)
    calls = [call for call in voice.calls() if call.id not in known]
    if run["done"] != CLIPS or len(calls) != CLIPS:
        raise RuntimeError(f"{run['done']} clips of {CLIPS} were made, with {len(calls)} calls")
    return Warmed(
        seconds=run["finished_at"] - run["requested_at"],
        first_call_seconds=min(call.started_at for call in calls) - run["requested_at"],
        peak=peak_concurrency(calls),
    )


def warm(*, words: str) -> dict[str, Any]:
    """In the product: start a run for each voice as a published journey does, and wait for both.

    Times are time.time().
    """
    from ttscache.models import ContentType
    from ttscache.renditions.current import request_for
    from ttscache.warming import ClipSpec, start_run
    from ttscache.warming.progress import progress_of

    wanted = {
        voice: [
            ClipSpec(request_for(f"Question {number} of {words}?", voice), ContentType.QUESTION)
            for number in range(TEXTS)
        ]
        for voice in VOICES
    }
    requested_at = time.time()
    runs = [start_run(f"bench:{words}:{voice}", specs) for voice, specs in wanted.items()]
    finished_at = _watch(runs)
    return {
        "requested_at": requested_at,
        "finished_at": finished_at,
        "done": sum(progress_of(run)["done"] for run in runs),
    }


def wait_until_idle() -> float:
    """In the product: wait until the default journey is made; returns its end as time.time()."""
    from ttscache.models import WarmRun

    return _watch(list(WarmRun.objects.all()))


def _watch(runs: list[Any]) -> float:
    """Wait for the end of the runs; returns the latest."""
    end = time.monotonic() + LONGEST_SECONDS
    for run in runs:
        while run.state in run.ACTIVE:
            if time.monotonic() > end:
                raise TimeoutError(f"{run} is not done after {LONGEST_SECONDS} s")
            time.sleep(0.05)
            run.refresh_from_db()
    return max(float(run.finished_at.timestamp()) for run in runs)
