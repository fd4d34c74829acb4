"""The Provider protocol: takes a SpeechRequest and yields chunks of audio.

CONTRIBUTING.md says how to add a provider.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Protocol

from ttscache.speech import SpeechRequest
from ttscache.token_usage import TokenUsage


class Provider(Protocol):
    """A service that speaks, or the embedded voice.

    `can_speak` says whether the request's model belongs to it. `parts` cuts a text that is too long for one
    call at the ends of sentences, and raises RequestRefused for a text that no call can speak. `streams` says
    whether `speak` yields useful chunks before the clip is whole. `is_well` looks whether calls may succeed;
    it must cost nothing and never raise. `preload` loads what the first call needs, without a call.

    `speak` makes one call. It yields the clip in order, in the format of the request. It raises a
    ProviderError or TextRefused; the chunks before that are then useless. A provider that charges by tokens
    returns how many the call used, and its errors carry them as `usage`.
    """

    name: str

    def can_speak(self, request: SpeechRequest) -> bool: ...

    def parts(self, request: SpeechRequest) -> list[SpeechRequest]: ...

    def streams(self, request: SpeechRequest) -> bool: ...

    def is_well(self) -> bool: ...

    def preload(self) -> None: ...

    def speak(self, request: SpeechRequest) -> Generator[bytes, None, TokenUsage | None]: ...
