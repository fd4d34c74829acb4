"""The Provider protocol: a SpeechRequest in, chunks of audio out.

A new provider touches these places: a module here; its name in defaults.PROVIDERS and the prices of its
models in defaults.LIST_PRICES; `_provider` in wiring.py, which builds it; its settings in conf.py, checks.py
and lifereview/env/speech.py; and a row in lifereview/env/variables.py.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Protocol

from ttscache.speech import SpeechRequest
from ttscache.token_usage import TokenUsage


class Provider(Protocol):
    """A voice.

    `can_speak`: whether this model is one of its own. `parts` cuts a text that is too long for one call, at
    the ends of sentences, and raises RequestRefused for what no call could say. `streams`: whether the first
    chunks are worth sending on before the last has come; where `speak` yields one whole clip they are not.
    `is_well` looks whether calls may succeed, for nothing and without raising. `rehearse` does what the first
    call would otherwise take its time for, and calls nobody.

    `speak` makes one call: it yields the clip in order, in the format of the request, and raises a
    ProviderError or TextRefused where it fails; nothing it yielded before is then worth keeping. Where the
    provider reckons by tokens, it returns how many the call used, and its errors carry them as `usage`.
    """

    name: str

    def can_speak(self, request: SpeechRequest) -> bool: ...

    def parts(self, request: SpeechRequest) -> list[SpeechRequest]: ...

    def streams(self, request: SpeechRequest) -> bool: ...

    def is_well(self) -> bool: ...

    def rehearse(self) -> None: ...

    def speak(self, request: SpeechRequest) -> Generator[bytes, None, TokenUsage | None]: ...
