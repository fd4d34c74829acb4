"""FakeVoice: a speech provider that tests control, and a ledger for its calls."""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from dataclasses import replace

from harness.clips import spoken
from ttscache import audio
from ttscache.accounting.ledger import Ledger
from ttscache.errors import ProviderFailed, SpeechError
from ttscache.speech import SpeechRequest
from ttscache.token_usage import TokenUsage

MOST_CHARACTERS = 500


class FakeVoice:
    """Speaks each clip in two chunks. Waits for `may_begin` before the first, `may_go_on` before the second.

    `errors` are raised first, one per call.
    """

    name = "fake"

    def __init__(self, *, errors: Sequence[SpeechError] = (), is_streaming: bool = True) -> None:
        self.calls: list[SpeechRequest] = []
        self.speaking = self.peak = 0  # calls at once
        self.may_begin, self.may_go_on = threading.Event(), threading.Event()
        self.may_begin.set()
        self.may_go_on.set()
        self.breaks_off: SpeechError | None = None
        self.break_off_calls = 1_000  # how many calls raise `breaks_off`
        self.audio: bytes | None = None
        self.usage: TokenUsage | None = None  # the usage that each call reports
        self.fails_on = ""  # texts with these words always fail
        self.errors = list(errors)
        self.is_streaming = is_streaming
        self.is_in_good_health = True

    def can_speak(self, request: SpeechRequest) -> bool:
        return request.model != "embedded"

    def parts(self, request: SpeechRequest) -> list[SpeechRequest]:
        return [replace(request, text=part) for part in audio.split_text(request.text, MOST_CHARACTERS)]

    def streams(self, request: SpeechRequest) -> bool:
        return self.is_streaming

    def is_well(self) -> bool:
        return self.is_in_good_health

    def preload(self) -> None:
        """Do nothing: there is nothing to load."""

    def speak(self, request: SpeechRequest) -> Generator[bytes, None, TokenUsage | None]:
        self.speaking += 1
        self.peak = max(self.peak, self.speaking)
        try:
            return (yield from self._speak(request))
        finally:
            self.speaking -= 1

    def _speak(self, request: SpeechRequest) -> Generator[bytes, None, TokenUsage | None]:
        self.calls.append(request)
        assert self.may_begin.wait(60)
        if self.errors:
            raise self.errors.pop(0)
        if self.fails_on and self.fails_on in request.text:
            raise ProviderFailed
        sound = spoken(request) if self.audio is None else self.audio
        if self.audio is None and request.audio_format != "pcm":
            sound = audio.encode(sound, audio.PCM_RATE, request.audio_format)
        yield sound[:1_000]
        threading.Event().wait(0.01)  # a pause like a real service's, so that calls overlap
        assert self.may_go_on.wait(60)
        if self.breaks_off and self.break_off_calls:
            self.break_off_calls -= 1
            raise self.breaks_off
        yield sound[1_000:]
        return self.usage


def free_ledger() -> Ledger:
    return Ledger(lambda clip: clip.characters * 30 / 1e6)
