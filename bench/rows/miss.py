"""A new text: first and last byte, against the earlier design; the limit is the provider's own time.

The provider sends its first byte after 0.4 s and the rest in eight pieces until 2 s. The same text, with its
own number, is asked for in turns from the provider itself, from ours and from the earlier design, each time
over a new connection. The earlier design waits for the provider's last byte.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator

from bench.baselines.servers import rivals
from bench.pace import repetitions
from bench.table import Judged, MeasuredRow, Target, rounded
from harness import http

FIRST_BYTE_SECONDS, CHUNKS, CHUNK_SECONDS = 0.4, 9, 0.2
WARM_UPS = 4  # of each, so that both processes have loaded the client of the provider
Took = tuple[float, float]  # milliseconds to the first byte and to the last


def measure() -> Iterator[MeasuredRow]:
    with rivals() as running:
        web, provider = running.web, running.provider
        sides = {
            "provider": Endpoint(f"{provider.base_url}/audio/speech", "bench", "input", model="tts-1-hd"),
            "ours": Endpoint(f"{web.url}/api/text-to-speech", web.api_token(), "text"),
            "earlier": Endpoint(f"{running.earlier.url}/api/text-to-speech", "", "text"),
        }
        for side in sides.values():
            for _ in range(WARM_UPS):
                side.ask()
        provider.behave(
            first_byte_delay_seconds=FIRST_BYTE_SECONDS, chunks=CHUNKS, chunk_delay_seconds=CHUNK_SECONDS
        )
        took: dict[str, list[Took]] = {name: [] for name in sides}
        for _ in range(repetitions(5, quick=2)):
            for name, side in sides.items():
                took[name].append(side.ask())
    yield from _rows(**took)


class Endpoint:
    """An address that speaks a text."""

    def __init__(self, url: str, token: str, text_field: str, **more: str) -> None:
        self._url, self._text_field, self._more = url, text_field, more
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def ask(self) -> Took:
        """Ask for a new text."""
        text = f"What place from your childhood comes to mind most often, {uuid.uuid4().hex}?"
        content = {self._text_field: text, "voice": "nova", **self._more}
        began = time.monotonic()
        with http.stream_json(self._url, content, self._headers) as answer:
            if answer.status != 200:
                raise RuntimeError(f"{self._url} answered {answer.status}")
            arrived = [at for at, _ in answer]
        return (arrived[0] - began) * 1_000, (time.monotonic() - began) * 1_000


def _rows(provider: list[Took], ours: list[Took], earlier: list[Took]) -> Iterator[MeasuredRow]:
    first, whole = [
        [[took[place] for took in side] for side in (ours, earlier, provider)] for place in (0, 1)
    ]
    yield MeasuredRow(
        name="first byte of a miss",
        ours=first[0],
        baseline=first[1],
        limit=first[2],
        unit="ms",
        target=Target(Judged.OVER_LIMIT, 30),
        notes=_longest(first),
    )
    yield MeasuredRow(
        name="whole miss",
        ours=whole[0],
        baseline=whole[1],
        limit=whole[2],
        unit="ms",
        target=Target(Judged.TO_LIMIT, 1.03),
        notes=_longest(whole),
    )


def _longest(took: list[list[float]]) -> str:
    ours, earlier, provider = (rounded(max(each)) for each in took)
    return f"longest {ours}, {earlier} and {provider} ms"
