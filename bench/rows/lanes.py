"""A live miss under a warm of 200 clips, 5 at a time of 1 s each; the baseline is the same miss alone.

One whole site, web server and task cluster, uses a service that begins a clip after 0.5 s and ends it after
1 s. The time runs from the request to the first byte, and to the last. Both cases take turns: the run is
paused for one and resumed for the other.
"""

from __future__ import annotations

import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from bench.product import inside
from bench.rows.warming import wait_until_idle
from bench.table import MeasuredRow, rounded
from harness import http
from harness.openai_server import OpenAIServer
from harness.site import Site
from harness.speech_api.calls import peak_concurrency
from harness.waiting import wait_until

CLIPS = 200
AT_ONCE = 5
FIRST_BYTE_SECONDS, CHUNKS, CHUNK_SECONDS = 0.5, 2, 0.5
ROUNDS = 4
MISSES = 4  # of one round, alone and under the warm
Took = tuple[float, float]  # seconds to the first byte and to the last


def measure() -> Iterator[MeasuredRow]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, OpenAIServer() as voice:
        env = {
            "OPENAI_API_KEY": "test",
            "OPENAI_BASE_URL": voice.base_url,
            "TTS_WARM_CONCURRENCY": str(AT_ONCE),
            "WEB_WORKERS": "1",  # its first call loads a library and is left out
        }
        with Site(Path(folder) / "var", env) as site:
            inside(site.environment(), wait_until_idle)
            voice.behave(
                first_byte_delay_seconds=FIRST_BYTE_SECONDS, chunks=CHUNKS, chunk_delay_seconds=CHUNK_SECONDS
            )
            token = site.api_token()
            _miss(site, token)
            run = inside(site.environment(), begin_warm, words=uuid.uuid4().hex)
            alone: list[Took] = []
            under: list[Took] = []
            for _ in range(ROUNDS):
                under += _while_it_works(site, token, voice, run)
                alone += _while_it_is_paused(site, token, voice, run)
            warmed = [call for call in voice.calls() if call.text.startswith("Question ")]
    notes = f"{len(warmed)} clips warmed meanwhile, at most {peak_concurrency(warmed)} at once"
    for name, place in (("first byte", 0), ("whole clip", 1)):
        ours, baseline = [took[place] for took in under], [took[place] for took in alone]
        yield MeasuredRow(
            name=f"live miss, {name}",
            ours=ours,
            baseline=baseline,
            unit="s",
            notes=f"longest {rounded(max(ours))} against {rounded(max(baseline))} s; {notes}",
        )


def _while_it_works(site: Site, token: str, voice: OpenAIServer, run: str) -> list[Took]:
    inside(site.environment(), set_paused, run=run, is_paused=False)
    wait_until(lambda: _under_way(voice) == AT_ONCE, "work in every slot")
    took = [_miss(site, token) for _ in range(MISSES)]
    # All slots may be between two clips just now.
    wait_until(lambda: _under_way(voice) > 0, "the warm, which has to last longer than the measurement")
    return took


def _while_it_is_paused(site: Site, token: str, voice: OpenAIServer, run: str) -> list[Took]:
    inside(site.environment(), set_paused, run=run, is_paused=True)
    wait_until(lambda: _under_way(voice) == 0, "the end of what was under way")
    return [_miss(site, token) for _ in range(MISSES)]


def _under_way(voice: OpenAIServer) -> int:
    return sum(call.outcome is None for call in voice.calls())


def _miss(site: Site, token: str) -> Took:
    """Request a new text, and time its first and last byte."""
    text = f"A listener asks for {uuid.uuid4().hex}."
    began = time.monotonic()
    with http.stream_json(
        f"{site.url}/api/text-to-speech", {"text": text}, {"Authorization": f"Bearer {token}"}
    ) as answer:
        if answer.status != 200:
            raise RuntimeError(f"a live miss was answered with {answer.status}")
        times = [at for at, _ in answer]
    return times[0] - began, time.monotonic() - began


def begin_warm(*, words: str) -> str:
    """In the product: start a run of CLIPS clips."""
    from ttscache.models import ContentType
    from ttscache.renditions.current import request_for
    from ttscache.warming import ClipSpec, start_run

    wanted = [
        ClipSpec(request_for(f"Question {number} of {words}?", "nova"), ContentType.QUESTION)
        for number in range(CLIPS)
    ]
    return str(start_run(f"bench:{words}", wanted).pk)


def set_paused(*, run: str, is_paused: bool) -> None:
    """In the product: pause or resume the run as staff do."""
    from ttscache.models import WarmRun
    from ttscache.warming import pause, resume

    found = WarmRun.objects.get(pk=run)
    if is_paused:
        pause(found, WarmRun.Pause.STAFF)
    else:
        resume(found)
