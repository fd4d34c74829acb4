"""The Provider protocol: a SpeechRequest in, chunks of audio out.

A new provider touches these places: a module here; its name in defaults.PROVIDERS and the prices of its
models in defaults.LIST_PRICES; `_provider` in wiring.py, which builds it; its settings in conf.py, checks.py
and lifereview/env/speech.py; and the table of settings in the README.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from ttscache.speech import SpeechRequest


class Provider(Protocol):
    """A voice.

    `is_streaming`: whether the first chunks are worth sending on before the last has come; where `speak`
    yields one whole clip they are not. `can_speak`: whether this model is one of its own. `parts` cuts a text
    that is too long for one call at the ends of sentences. `is_well` looks whether calls may succeed, for
    nothing and without raising. `rehearse` does what the first call would otherwise take its time for, and
    calls nobody.

    `speak` makes one call: it yields the clip in order, in the format of the request, and raises a
    ProviderError or TextRefused where it fails; nothing it yielded before is then worth keeping.
    """

    name: str
    is_streaming: bool

    def can_speak(self, request: SpeechRequest) -> bool: ...

    def parts(self, request: SpeechRequest) -> list[SpeechRequest]: ...

    def is_well(self) -> bool: ...

    def rehearse(self) -> None: ...

    def speak(self, request: SpeechRequest) -> Iterator[bytes]: ...
