"""A process that counts requests like a web process, and notes them for the tests.

    python -m harness.counting_process NOTES ACCENT FIRST REQUESTS SECONDS

Requests are numbered from FIRST on and spread over SECONDS and several threads. Meanwhile the real
housekeeping writes the counts. SIGTERM ends the process cleanly once all requests are counted.

Each line of NOTES is one moment: `?7` before request 7 is counted and `=7` after it, `<` before the counts
are written and `>` after that. The notes of a killed process survive, because they have reached the kernel.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

THREADS = 4
BURST = 5
FLUSH_SECONDS = 0.1

Note = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Request:
    content_hash: str
    kind: str
    voice: str
    outcome: str
    seconds: float
    characters: int
    audio_bytes: int


def request_of(accent: str, number: int) -> Request:
    """The request of this number, equal in every process. Requests of one accent share clips and voices."""
    chance = random.Random(number)
    kind = chance.choice(["narrative", "question", "analysis", "response"])
    clip = hashlib.md5(f"{accent}{chance.randrange(300)}".encode()).hexdigest()
    return Request(
        content_hash="" if kind == "response" else clip,
        kind=kind,
        voice=accent + chance.choice(["nova", "onyx"]),
        outcome=chance.choice(
            ["memory", "file", "database", "storage", "edge", "collapsed", "generated", "failed"]
        ),
        seconds=chance.choice([0.0004, 0.004, 0.04, 0.4, 4.0, 40.0]),
        characters=chance.randrange(1, 500),
        audio_bytes=chance.randrange(100_000),
    )


def main(notes: str, accent: str, first: int, requests: int, seconds: float) -> None:
    import django

    django.setup()
    from ttscache.housekeeping import Housekeeping
    from ttscache.wiring import speech_cache

    is_to_end = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: is_to_end.set())
    file = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(what: str) -> None:
        os.write(file, f"{what}\n".encode())

    note_flushes(note)
    housekeeping = Housekeeping(speech_cache(), FLUSH_SECONDS).start()
    share = requests // THREADS
    pause_seconds = seconds * BURST / share
    with ThreadPoolExecutor(THREADS) as threads:
        starts = range(first, first + requests, share)
        list(
            threads.map(lambda start: count(range(start, start + share), accent, pause_seconds, note), starts)
        )
    is_to_end.wait()
    housekeeping.stop()


def note_flushes(note: Note) -> None:
    from ttscache.wiring import speech_cache

    ledger = speech_cache().ledger

    def flush_and_note(flush: Callable[[], bool]) -> bool:
        note("<")
        is_written = flush()
        if is_written:
            note(">")
        return is_written

    ledger.flush = partial(flush_and_note, ledger.flush)  # type: ignore[method-assign]


def count(numbers: range, accent: str, pause_seconds: float, note: Note) -> None:
    from ttscache.accounting.ledger import RequestedClip
    from ttscache.wiring import speech_cache

    ledger = speech_cache().ledger
    for number in numbers:
        given = request_of(accent, number)
        clip = RequestedClip(given.content_hash, given.kind, given.voice, "tts-1-hd", given.characters)
        note(f"?{number}")
        ledger.record_request(clip, given.outcome, given.seconds, given.audio_bytes)
        note(f"={number}")
        if number % BURST == 0:
            time.sleep(pause_seconds)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
