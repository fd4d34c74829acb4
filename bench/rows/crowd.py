"""200 requests at once for one new text, over 2 processes of 160 threads, against the earlier design.

The provider sends its first byte after 0.4 s and its last after 1 s. The limit is a request for another new
text that is alone. Three quarters of the threads of a process may wait for a text that is being made, and
requests beyond that are told 503; so the crowd has to be spread over both processes. The earlier design has
the same processes and threads; each of its requests calls the provider.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import quantiles

from bench.baselines.servers import rivals
from bench.crowd import Answered, ask_at_once
from bench.table import Judged, MeasuredRow, Target, rounded
from harness.openai_server import OpenAIServer

REQUESTS = 200
ROUNDS = 5
WARM_UPS = 4  # alone and at once, so that both processes have loaded the client of the provider
FIRST_BYTE_SECONDS, CHUNKS, CHUNK_SECONDS = 0.4, 4, 0.2


@dataclass(frozen=True, kw_only=True, slots=True)
class Crowd:
    """The 99th percentile in milliseconds of those that were served, and the calls that they cost."""

    p99: float
    refused: int
    calls: int
    sounds: int  # how many different answers there were: one, unless a clip was read while it was written


@dataclass(frozen=True, slots=True)
class CrowdedServer:
    """One server, and what its provider was asked for."""

    url: str
    headers: dict[str, str]
    provider: OpenAIServer

    def ask(self, requests: int) -> Crowd:
        """Ask for a new text."""
        text = f"What place from your childhood comes to mind most often, {uuid.uuid4().hex}?"
        content = {"text": text, "voice": "nova"}
        answers = ask_at_once(f"{self.url}/api/text-to-speech", content, self.headers, requests)
        heard = [each for each in answers if each.status == 200]
        if {each.status for each in answers} - {200, 503} or not heard:
            raise RuntimeError(f"wrong answers: {Counter(each.status for each in answers)}")
        return Crowd(
            p99=_p99(heard),
            refused=requests - len(heard),
            calls=sum(call.text == text for call in self.provider.calls()),
            sounds=len({each.body_sha256 for each in heard}),
        )


def measure() -> Iterator[MeasuredRow]:
    with rivals(WEB_THREADS="160", WEB_WORKERS="2") as running:
        token, provider = running.web.api_token(), running.provider
        ours = CrowdedServer(running.web.url, {"Authorization": f"Bearer {token}"}, provider)
        theirs = CrowdedServer(running.earlier.url, {}, provider)
        for _ in range(WARM_UPS):
            ours.ask(1)
            ours.ask(REQUESTS)
        theirs.ask(1)
        provider.behave(
            first_byte_delay_seconds=FIRST_BYTE_SECONDS, chunks=CHUNKS, chunk_delay_seconds=CHUNK_SECONDS
        )
        rounds = [(ours.ask(1), ours.ask(REQUESTS)) for _ in range(ROUNDS)]
        earlier_crowd = theirs.ask(REQUESTS)
    yield from _rows([alone for alone, _ in rounds], [crowd for _, crowd in rounds], earlier_crowd)


def _rows(alone: list[Crowd], ours: list[Crowd], theirs: Crowd) -> Iterator[MeasuredRow]:
    if any(each.sounds > 1 for each in ours):
        raise RuntimeError("the answers differ")
    yield MeasuredRow(
        name=f"calls for {REQUESTS} requests",
        ours=[float(each.calls) for each in ours],
        baseline=[float(theirs.calls)],
        limit=[1.0],
        unit="calls",
        target=Target(Judged.FIGURE, 1),
        notes=f"at most {max(each.calls for each in ours)}; "
        f"the earlier design answered with {theirs.sounds} different sounds",
    )
    yield MeasuredRow(
        name=f"p99 of {REQUESTS} requests",
        ours=[each.p99 for each in ours],
        baseline=[theirs.p99],
        limit=[each.p99 for each in alone],
        unit="ms",
        target=Target(Judged.OVER_LIMIT, 150, cause="Two hundred answers of two processes share two cores."),
        notes=f"at most {rounded(max(each.p99 for each in ours))} ms",
    )
    yield MeasuredRow(
        name=f"refused of {REQUESTS} requests",
        ours=[float(each.refused) for each in ours],
        unit="requests",
        target=Target(Judged.FIGURE, 0),
        notes=f"at most {max(each.refused for each in ours)}",
    )


def _p99(answers: list[Answered]) -> float:
    took = [each.milliseconds for each in answers]
    return quantiles(took, n=100, method="inclusive")[98] if len(took) > 1 else took[0]
