"""FallbackVoice: the embedded voice speaks when the provider cannot (TTS_FALLBACK=embedded)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ttscache.accounting.ledger import Ledger
from ttscache.connections import release_connections
from ttscache.errors import (
    ModelRetired,
    ProviderFailed,
    ProviderTimeout,
    ProviderUnavailable,
    RequestRefused,
    SpeechError,
)
from ttscache.generation.generator import Generator
from ttscache.generation.job import GenerationJob
from ttscache.models import ContentType
from ttscache.speech import EMBEDDED_MODEL, SpeechRequest
from ttscache.tiers import Entry


def is_met_by_fallback(error: SpeechError) -> bool:
    """Whether the provider is down or the model retired.

    A refused text, a spent budget, a throttled caller and a bad clip keep their own answers, which another
    voice would hide.
    """
    match error:
        case ProviderUnavailable() | ModelRetired() | ProviderTimeout():
            return True
        case ProviderFailed():  # HTTP 5xx, or a login page instead of sound
            return error.is_retryable and not error.is_about_text
    return False


def in_embedded_voice(request: SpeechRequest, listener_voice: str) -> SpeechRequest:
    """Request this text from the embedded voice, under a key of its own.

    Pass the listener voice, not the provider's voice that plays it: the embedded voice may not know that.
    """
    return SpeechRequest(
        text=request.text,
        voice=listener_voice,
        model=EMBEDDED_MODEL,
        audio_format=request.audio_format,
        speed=request.speed,
    )


class FallbackVoice:
    """Speaks in the embedded voice for one process. The voice loads when it first speaks.

    Clips are kept under the model `embedded`, so they never answer for another model. A person's own words
    are never kept.
    """

    def __init__(self, generator: Generator) -> None:
        self.generator = generator

    def speak(
        self,
        job: GenerationJob,
        listener_voice: str,
        error: SpeechError,
        *,
        before_start: Callable[[], None] = lambda: None,
    ) -> Entry:
        """Return the whole clip of a job that failed with `error`. Raises `error` if it cannot help."""
        if not is_met_by_fallback(error):
            raise error
        try:
            request = in_embedded_voice(job.request, listener_voice)
            if job.content_type == ContentType.RESPONSE:
                before_start()
                making = self.generator.generate_privately(request)
            else:
                instead = replace(job, request=request, newer_than=None, is_on_record=False)
                making = self.generator.generate(instead, before_start=before_start)
            release_connections()
            return making.recording.result()
        except RequestRefused:  # such as a text that is not English, which the provider may speak later
            raise error from None


class NoProviderCalls(Ledger):
    """A ledger that ignores the calls of the embedded voice: they are free.

    Recorded as "ok", they would end the alert about a refused key.
    """

    def record_call(self, request: SpeechRequest, content_type: str, usd: float, outcome: str) -> None:
        """Record nothing."""
