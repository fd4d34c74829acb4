"""A clip of 100 characters through the Realtime API; the limit is the time of the service itself.

The service waits 300 ms before the first sound and 100 ms between the chunks. We add the protocol, the check
of the words and the encoding to MP3: at most 150 ms. The connection is new for each call, or already open.
Over HTTP, lease, database and checks are added, and the first byte comes with the last one, because the clip
is sent once its words have been compared. The last row is the comparison alone: 4,096 characters with spoken
numbers, against the allowed 5 ms.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.product import inside
from bench.table import Judged, MeasuredRow, Target, rounded
from harness import http
from harness.openai_server import OpenAIServer
from harness.site import Site, WebServer

ROUNDS = 7
MODEL = "gpt-realtime-2.1-mini"
TEXT = "What place from your childhood comes to mind first, and what did it smell like there in the summers?"
FIRST_BYTE_SECONDS, CHUNKS, CHUNK_SECONDS = 0.3, 4, 0.1
SERVICE_MS = 1_000 * (FIRST_BYTE_SECONDS + (CHUNKS - 1) * CHUNK_SECONDS)
WORDS_MS = 5.0


def measure() -> Iterator[MeasuredRow]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, OpenAIServer() as openai:
        openai.behave(
            first_byte_delay_seconds=FIRST_BYTE_SECONDS, chunks=CHUNKS, chunk_delay_seconds=CHUNK_SECONDS
        )
        environment = Site(Path(folder) / "var").environment()
        took = inside(environment, time_realtime, base_url=openai.base_url)
        first_bytes, wholes = over_http(Path(folder) / "web", openai.base_url)
    for name, totals in (
        ("new connection", took["new"]),
        ("open connection", took["open"]),
        ("first byte over HTTP", first_bytes),
        ("whole over HTTP", wholes),
    ):
        yield MeasuredRow(
            name=f"clip of {len(TEXT)} characters, {name}",
            ours=totals,
            limit=[SERVICE_MS],
            unit="ms",
            target=Target(Judged.OVER_LIMIT, 150),
            notes=f"at most {rounded(max(totals) - SERVICE_MS)} ms more",
        )
    yield MeasuredRow(
        name="words of 4,096 characters",
        ours=took["words"],
        unit="ms of CPU",
        target=Target(Judged.FIGURE, WORDS_MS),
    )


def over_http(folder: Path, base_url: str) -> tuple[list[float], list[float]]:
    """Milliseconds from the request of a new text to the first and to the last byte of its clip."""
    provider = {"OPENAI_API_KEY": "sk-bench", "OPENAI_BASE_URL": base_url, "WEB_WORKERS": "1"}
    first_bytes, wholes = [], []
    with WebServer(folder / "var", provider | {"TTS_MODEL": MODEL}) as web:
        headers = {"Authorization": f"Bearer {web.api_token()}"}
        for number in range(ROUNDS + 1):
            text = f"{TEXT[:-4]} {number:02}?"
            began = time.monotonic()
            with http.stream_json(f"{web.url}/api/text-to-speech", {"text": text}, headers) as answer:
                arrived = [at for at, _ in answer]
            if answer.status != 200 or not arrived:
                raise RuntimeError(f"no clip: {answer.status} {json.dumps(dict(answer.headers))}")
            if number:  # the first one opens the connection
                first_bytes.append(1_000 * (arrived[0] - began))
                wholes.append(1_000 * (arrived[-1] - began))
    return first_bytes, wholes


def time_realtime(*, base_url: str) -> dict[str, Any]:
    """In the product: milliseconds in each round."""
    from ttscache.providers.realtime import RealtimeVoice
    from ttscache.speech import SpeechRequest
    from ttscache.text.transcripts import has_same_words

    voice = RealtimeVoice(api_key="sk-bench", base_url=base_url)
    request = SpeechRequest(text=TEXT, voice="marin", model=MODEL)
    story = (
        "In the spring of 1944 my mother's sister moved to the house by the river; we'll never forget. " * 44
    )[:4_096]
    said = story.replace("1944", "nineteen forty-four")
    voice.preload()
    voice.speak_encoded(request)
    new: list[float] = []
    left_open: list[float] = []
    words: list[float] = []
    for _ in range(ROUNDS):
        voice.close()
        for totals in (new, left_open):
            began = time.perf_counter()
            voice.speak_encoded(request)
            totals.append(1_000 * (time.perf_counter() - began))
        began = time.thread_time()
        assert has_same_words(story, said)
        words.append(1_000 * (time.thread_time() - began))
    return {"new": new, "open": left_open, "words": words}
