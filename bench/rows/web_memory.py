"""Memory of a web process with a paid provider, beyond its memory tier; the baseline is the earlier design's.

One process, whose memory tier holds 8 MiB, makes more clips than fit. It answers 20,000 requests, then 300
for texts whose sound comes out broken; a good one follows each pair, so that the calls are not stopped as in
an outage. The figure is the resident memory of the process (RSS) without the bytes of the tier. It may be
130 MB, and it must not grow from one moment to the next.
"""

from __future__ import annotations

import tempfile
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil

from bench import clip
from bench.baselines.servers import earlier_service
from bench.load import load
from bench.table import Judged, Row, Target
from harness import http
from harness.caller import Caller, clip_path, hash_of, sound_of
from harness.openai_server import OpenAIServer
from harness.postgres import PostgresServer
from harness.site import WebServer

TIER_BYTES = 8 * 1024 * 1024
CLIPS = 160  # of 60 kB: more than the tier holds
HITS, AT_ONCE = 20_000, 16
FAILURES, FAILURES_AT_ONCE = 300, 2
WARM_UP_FAILURES = 20
BROKEN = "broken"
MOST_MB = 130
FLAT = Target(Judged.RATIO, 1.05)


def measure() -> Iterator[Row]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        postgres = stack.enter_context(PostgresServer())
        provider = stack.enter_context(OpenAIServer())
        given = {
            "DATABASE_URL": postgres.create_database(),
            "OPENAI_API_KEY": "bench",
            "OPENAI_BASE_URL": provider.base_url,
            "TTS_MEMORY_BYTES": str(TIER_BYTES),
            "WEB_WORKERS": "1",
        }
        web = stack.enter_context(WebServer(folder / "var", given))
        earlier = stack.enter_context(
            earlier_service(web, postgres.create_database(), provider=provider.base_url)
        )
        caller = Caller(web, web.api_token())
        for _ in range(CLIPS):
            http.post_json(f"{earlier.url}/api/text-to-speech", {"text": _new_text()})
            if caller.say(_new_text()).status != 200:
                raise RuntimeError("a clip was not made")
        provider.behave(fault="garbage", on_text=BROKEN)
        _fail(caller, WARM_UP_FAILURES)
        theirs, full = _megabytes(*earlier.worker_pids()), _megabytes(*web.worker_pids())
        hit = clip.TEXT
        caller.say(hit)
        url = f"{web.url}{clip_path(hash_of(hit))}"
        asked = 0
        while asked < HITS:
            asked += load(url, sound_of(hit), connections=AT_ONCE, seconds=2, headers=caller.headers).requests
        after_hits = _megabytes(*web.worker_pids())
        failed = _fail(caller, FAILURES)
        after_failures = _megabytes(*web.worker_pids())
    within = Target(Judged.FIGURE, MOST_MB)
    tier = TIER_BYTES / 1e6
    beyond = [each - tier for each in (full, after_hits, after_failures)]
    yield Row(name="with a full tier", ours=beyond[:1], baseline=[theirs], unit="MB", target=within)
    yield Row(
        name=f"after {asked:,} requests",
        ours=beyond[1:2],
        baseline=beyond[:1],
        unit="MB",
        target=FLAT,
        notes="the baseline is the row above",
    )
    yield Row(
        name=f"after {failed.total():,} failing generations",
        ours=beyond[2:],
        baseline=beyond[1:2],
        unit="MB",
        target=FLAT,
        notes="the baseline is the row above; answers "
        + ", ".join(f"{outcome}: {number}" for outcome, number in sorted(failed.items())),
    )


def _fail(caller: Caller, failures: int) -> Counter[str]:
    """Ask for texts whose sound comes out broken; returns how they were answered."""
    outcomes: Counter[str] = Counter()
    for _ in range(failures // FAILURES_AT_ONCE):
        told = http.at_once(FAILURES_AT_ONCE, lambda _: caller.say(f"{BROKEN} {_new_text()}"))
        outcomes.update(_outcome(each) for each in told)
        caller.say(_new_text())
    return outcomes


def _new_text() -> str:
    return f"{clip.TEXT[:22]}{uuid.uuid4().hex}."


def _outcome(answer: http.Response | Exception) -> str:
    return type(answer).__name__ if isinstance(answer, Exception) else str(answer.status)


def _megabytes(*pids: int) -> float:
    """Return the resident memory of the largest of these processes."""
    return max(psutil.Process(pid).memory_info().rss for pid in pids) / 1e6
