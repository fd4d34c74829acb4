"""The Provider protocol: a SpeechRequest in, chunks of audio out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from ttscache.speech import SpeechRequest


class Provider(Protocol):
    """A voice.

    `streams`: whether the first chunks of this clip are worth sending on before the last has come; where
    `speak` yields one whole clip they are not. `can_speak`: whether this model is one of its own.
    `price_usd`: what it costs to speak this, in US dollars, by the list price.

    `speak` yields the clip in order, in the format of the request, and raises a ProviderError or TextRefused
    where it fails; nothing it yielded before is then worth keeping.
    """

    name: str

    def streams(self, request: SpeechRequest) -> bool: ...

    def can_speak(self, request: SpeechRequest) -> bool: ...

    def price_usd(self, request: SpeechRequest) -> float: ...

    def speak(self, request: SpeechRequest) -> Iterator[bytes]: ...
