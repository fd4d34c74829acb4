"""Callers of every kind at once: hits, parts, new texts, slow readers, callers that give up.

Each answer is compared with the clip of its own text.
"""

from __future__ import annotations

import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from harness import http
from harness.caller import Caller, clip_path, hash_of, phrase, sound_of
from harness.http import BrokenTransfer

UNLUCKY = "unlucky"  # the provider refuses each text with this word
BROKEN_OFF = "brokenoff"  # and cuts the clip of each text with this one
DECLARED = frozenset([429, 502, 503, 504])
SLOW_PIECE_BYTES = 2_048


@dataclass
class MixedLoad:
    """Runs until stop(). `answers` counts what came, `wrong` lists every answer that should not be."""

    caller: Caller
    stored: list[str]  # texts whose clips are there
    answers: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)  # texts whose caller has left
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, seconds: float, each: int = 2) -> None:
        """Let `each` callers of every kind call again and again."""
        end = time.monotonic() + seconds
        kinds = (self.hit, self.part, self.gateway_hit, self.miss, self.gateway_miss, self.slow, self.give_up)
        with ThreadPoolExecutor(each * len(kinds)) as threads:
            for kind in kinds * each:
                threads.submit(self._repeat, kind, end)

    def _repeat(self, kind: Callable[[random.Random], str], end: float) -> None:
        chance = random.Random(threading.get_ident())
        while time.monotonic() < end:
            try:
                outcome = kind(chance)
            except Exception as error:
                self._note_wrong(f"{kind.__name__}: {error!r}")
                return
            with self._lock:
                self.answers[f"{kind.__name__} {outcome}"] += 1

    def _note_wrong(self, what: str) -> None:
        with self._lock:
            self.wrong.append(what)

    def _check(self, name: str, got: bytes, expected: bytes) -> None:
        if got != expected:
            self._note_wrong(f"{name}: {len(got)} other bytes than the {len(expected)} of its own text")

    # --- kinds of callers --------------------------------------------------------------------------------
    def hit(self, chance: random.Random) -> str:
        text = chance.choice(self.stored)
        answer = self.caller.get(clip_path(hash_of(text)))
        assert answer.status == 200, answer.status
        self._check("hit", answer.body, sound_of(text))
        return "200"

    def part(self, chance: random.Random) -> str:
        text = chance.choice(self.stored)
        whole = sound_of(text)
        first = chance.randrange(len(whole))
        last = chance.randrange(first, len(whole))
        answer = self.caller.get(clip_path(hash_of(text)), Range=f"bytes={first}-{last}")
        assert answer.status == 206, answer.status
        self._check("part", answer.body, whole[first : last + 1])
        return "206"

    def gateway_hit(self, chance: random.Random) -> str:
        return self._speak(chance.choice(self.stored))

    def miss(self, chance: random.Random) -> str:
        text = _new_text(chance)
        try:
            answer = self.caller.say(text)
        except BrokenTransfer:
            assert BROKEN_OFF in text
            return "cut"
        return self._judge(text, answer)

    def gateway_miss(self, chance: random.Random) -> str:
        return self._speak(_new_text(chance))

    def slow(self, chance: random.Random) -> str:
        """Read a clip a little at a time, with a small window."""
        text = chance.choice(self.stored)
        site, whole = self.caller.site, sound_of(text)
        head = (
            f"GET {clip_path(hash_of(text))} HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\n"
            f"Authorization: Bearer {self.caller.token}\r\nConnection: close\r\n\r\n"
        )
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLOW_PIECE_BYTES)
            connection.settimeout(90)
            connection.connect(("127.0.0.1", site.port))
            connection.sendall(head.encode())
            got = b""
            while piece := connection.recv(SLOW_PIECE_BYTES):
                got += piece
                time.sleep(0.02)
        self._check("slow", got.partition(b"\r\n\r\n")[2], whole)
        return "200"

    def give_up(self, chance: random.Random) -> str:
        """Leave in the middle: of a stored clip, or of a new one, which is then made all the same."""
        if chance.random() < 0.5:
            stream = self.caller.start_clip(hash_of(chance.choice(self.stored)))
        else:
            text = phrase(30)
            stream = self.caller.start_saying(text)
            if stream.status == 200:
                self.given_up.append(text)
        with stream:
            assert stream.status in {200, *DECLARED}, stream.status
            return f"left after {stream.status}"

    def _speak(self, text: str) -> str:
        body = {"model": "tts-1-hd", "voice": "nova", "input": text}
        try:
            answer = self.caller.post("/v1/audio/speech", body)
        except BrokenTransfer:
            assert BROKEN_OFF in text
            return "cut"
        return self._judge(text, answer)

    def _judge(self, text: str, answer: http.Response) -> str:
        if answer.status == 200:
            assert UNLUCKY not in text
            self._check("speech", answer.body, sound_of(text))
        else:
            assert answer.status in DECLARED, (answer.status, answer.body[:200])
        return str(answer.status)


def _new_text(chance: random.Random) -> str:
    """A new text. The provider fails with one in ten."""
    fate = chance.random()
    word = UNLUCKY if fate < 0.05 else BROKEN_OFF if fate < 0.1 else "lucky"
    return f"{word} {phrase(12)}"
