"""Call: one request to the service, with its times and its outcome."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import accumulate

from harness.speech_api.protocol import Speech


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call. Times are time.time(). The outcome is None at first, then completed, client_gone or fault."""

    id: int
    text: str
    text_sha256: str
    voice: str
    model: str
    audio_format: str
    speed: float
    instructions: str
    caller: str  # the address of the caller
    caller_port: int
    started_at: float
    first_byte_at: float | None = None
    ended_at: float | None = None
    outcome: str | None = None


def peak_concurrency(calls: Iterable[Call]) -> int:
    """The largest number of calls that ran at the same time."""
    steps = []
    for call in calls:
        steps.append((call.started_at, 1))
        steps.append((call.ended_at or float("inf"), -1))
    return max(accumulate(step for _, step in sorted(steps)), default=0)


class CallLog:
    """All speech requests since the start or the last clear(), which does not reset the numbers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: dict[int, Call] = {}
        self._next_id = 1

    def begin(self, speech: Speech, caller: tuple[str, int]) -> int:
        sha256 = hashlib.sha256(speech.text.encode("utf-8", "surrogatepass")).hexdigest()
        with self._lock:
            number, self._next_id = self._next_id, self._next_id + 1
            self._calls[number] = Call(
                id=number,
                text=speech.text,
                text_sha256=sha256,
                voice=speech.voice,
                model=speech.model,
                audio_format=speech.audio_format,
                speed=speech.speed,
                instructions=speech.instructions,
                caller=caller[0],
                caller_port=caller[1],
                started_at=time.time(),
            )
        return number

    def first_byte(self, number: int) -> None:
        with self._lock:
            call = self._calls.get(number)  # None after clear()
            if call is not None and call.first_byte_at is None:
                self._calls[number] = replace(call, first_byte_at=time.time())

    def end(self, number: int, outcome: str) -> None:
        with self._lock:
            call = self._calls.get(number)
            if call is not None:
                self._calls[number] = replace(call, ended_at=time.time(), outcome=outcome)

    def all(self) -> list[Call]:
        with self._lock:
            return list(self._calls.values())

    def clear(self) -> None:
        with self._lock:
            self._calls.clear()
