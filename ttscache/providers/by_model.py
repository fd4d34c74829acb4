"""Chooses among several providers by the model of a request.

One process needs several, because clips of two renditions may be missing while one takes over.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

from ttscache.errors import VoiceNotInUse
from ttscache.providers import Provider
from ttscache.speech import SpeechRequest
from ttscache.token_usage import TokenUsage


class ProviderByModel:
    """Hands each request to the first provider that can speak it. `is_well` and `preload` ask the first."""

    def __init__(self, providers: Sequence[Provider]) -> None:
        self._providers = providers
        self.name = providers[0].name

    def can_speak(self, request: SpeechRequest) -> bool:
        return any(provider.can_speak(request) for provider in self._providers)

    def parts(self, request: SpeechRequest) -> list[SpeechRequest]:
        return self._speaker(request).parts(request)

    def streams(self, request: SpeechRequest) -> bool:
        return self._speaker(request).streams(request)

    def is_well(self) -> bool:
        return self._providers[0].is_well()

    def preload(self) -> None:
        self._providers[0].preload()

    def speak(self, request: SpeechRequest) -> Generator[bytes, None, TokenUsage | None]:
        return self._speaker(request).speak(request)

    def _speaker(self, request: SpeechRequest) -> Provider:
        for provider in self._providers:
            if provider.can_speak(request):
                return provider
        raise VoiceNotInUse
