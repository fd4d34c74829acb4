"""Loads a site with hits and with generations that fail, and reads how much memory its web process holds."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.caller import Caller, clip_path, hash_of, phrase
from harness.openai_server import OpenAIServer
from harness.process import HOST
from harness.site import WebServer

MEGABYTE = 1_000_000
CALLERS = 32
MOST_REQUESTS = 200_000
FAILING_CALLERS = 12
TEXT_WORDS = (12, 40, 12, 90, 12, 40, 12, 40, 12, 500)  # the last one is about the longest text of one call

# By the word that a text begins with.
REFUSED = "refused"
FAULTS: dict[str, str | int] = {
    "down": 500,
    "cut": "break_off",
    "noise": "garbage",
    "half": "half",
    "silent": "silence",
    "gone": "hang_up",
    "late": "never",
    "page": "html",
    "format": "wrong_format",
}


def settings(openai: OpenAIServer, *, tier_bytes: int) -> dict[str, str]:
    """The settings of a site with one web process that speaks through this provider."""
    return {
        "OPENAI_API_KEY": "test",
        "OPENAI_BASE_URL": openai.base_url,
        "WEB_WORKERS": "1",
        "TTS_MEMORY_BYTES": str(tier_bytes),
        "TTS_TIMEOUT_SECONDS": "3",  # so that an answer that never comes ends soon
        "THROTTLE_RATES": "generation=1000000/min",
    }


def stored_clips(site: WebServer, token: str, count: int = 20) -> list[str]:
    """New texts whose clips are stored now."""
    texts = [phrase(30) for _ in range(count)]
    caller = Caller(site, token)
    assert [caller.say(text).status for text in texts] == [200] * count
    return texts


def resident_bytes(pid: int) -> int:
    """All memory of the process that is in RAM, code of libraries included: what operators see as RES."""
    return _kilobytes(Path(f"/proc/{pid}/status"), "VmRSS") * 1024


def private_bytes(pid: int) -> int:
    """The memory of the process that no other process shares: what its end would free."""
    rollup = Path(f"/proc/{pid}/smaps_rollup")
    return (_kilobytes(rollup, "Private_Clean") + _kilobytes(rollup, "Private_Dirty")) * 1024


def _kilobytes(file: Path, name: str) -> int:
    lines = (line.split() for line in file.read_text().splitlines())
    return next(int(words[1]) for words in lines if words[0] == f"{name}:")


def make_faulty(openai: OpenAIServer) -> None:
    """Make each call fail whose text begins with REFUSED or a word of FAULTS. All others succeed."""
    openai.behave(fault=400, on_text=f"{REFUSED} ")
    for word, fault in FAULTS.items():
        openai.behave_also(fault=fault, on_text=f"{word} ")


class Hits:
    """GETs of stored clips, and POSTs that find them, over kept-alive connections."""

    def __init__(self, site: WebServer, token: str, texts: list[str]) -> None:
        self._site = site
        self._texts = texts
        self._hashes = [hash_of(text) for text in texts]
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def run(self, requests: int) -> None:
        """Request so often, one POST for three GETs. Raises AssertionError if an answer is not 200."""
        assert requests <= MOST_REQUESTS
        with ThreadPoolExecutor(CALLERS) as threads:
            list(threads.map(self._ask, [requests // CALLERS] * CALLERS, range(CALLERS)))

    def _ask(self, requests: int, offset: int) -> None:
        connection = http.client.HTTPConnection(HOST, self._site.port, timeout=90)
        try:
            for number in range(offset, offset + requests):
                which = number % len(self._texts)
                if number % 4:
                    connection.request("GET", clip_path(self._hashes[which]), headers=self._headers)
                else:
                    body = json.dumps({"text": self._texts[which], "voice": "nova"})
                    connection.request("POST", "/api/text-to-speech", body, self._headers)
                answer = connection.getresponse()
                assert answer.status == 200, answer.read()
                answer.read()
        finally:
            connection.close()


class Failures:
    """Requests for new texts whose generation fails, in each way of FAULTS.

    After each one its caller asks for a text that the provider refuses. That shows that the provider works,
    so the circuit breaker closes, and the next failure is a call again.
    """

    def __init__(self, site: WebServer, openai: OpenAIServer, token: str) -> None:
        self.answers: Counter[str] = Counter()
        self._site = site
        self._openai = openai
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._lock = threading.Lock()
        self._number = 0

    def run(self, generations: int) -> None:
        """Go on until so many more generations have failed after a call to the provider."""
        make_faulty(self._openai)
        end = self.failed + generations
        most = self._number + 3 * generations  # texts of this run
        with ThreadPoolExecutor(FAILING_CALLERS) as threads:
            list(threads.map(self._repeat, [end] * FAILING_CALLERS, [most] * FAILING_CALLERS))
        assert self.failed >= end, self.answers

    @property
    def failed(self) -> int:
        """The generations that surely failed at the provider: 503 may also come from the circuit breaker."""
        with self._lock:
            return sum(
                number for name, number in self.answers.items() if name.split()[1] not in ("200", "503")
            )

    def _repeat(self, end: int, most: int) -> None:
        connection = http.client.HTTPConnection(HOST, self._site.port, timeout=90)
        try:
            while self.failed < end and self._number < most:
                with self._lock:
                    self._number += 1
                    number = self._number
                word = list(FAULTS)[number % len(FAULTS)]
                words = TEXT_WORDS[number // len(FAULTS) % len(TEXT_WORDS)]
                outcome = self._say(connection, f"{word} {phrase(words)}")
                with self._lock:
                    self.answers[f"{word} {outcome}"] += 1
                self._close_circuit(connection)
        finally:
            connection.close()

    def _close_circuit(self, connection: http.client.HTTPConnection) -> None:
        end = time.monotonic() + 60
        while self._say(connection, f"{REFUSED} {phrase(12)}") != "400":
            assert time.monotonic() < end, "the circuit breaker stays open"
            time.sleep(0.1)

    def _say(self, connection: http.client.HTTPConnection, text: str) -> str:
        body = json.dumps({"text": text, "voice": "nova"})
        connection.request("POST", "/api/text-to-speech", body, self._headers)
        answer = connection.getresponse()
        try:
            answer.read()
        except (http.client.IncompleteRead, ConnectionError):
            connection.close()  # the next request opens it again
            return "cut"
        return str(answer.status)
