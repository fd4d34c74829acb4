"""FallbackVoice: the embedded voice speaks where the provider cannot (TTS_FALLBACK=embedded)."""

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

    A refused text, a used-up budget, a throttled caller and a clip that came out wrong are answered as they
    are: another voice would hide what they say.
    """
    match error:
        case ProviderUnavailable() | ModelRetired() | ProviderTimeout():
            return True
        case ProviderFailed():  # HTTP 5xx, or a login page instead of sound
            return error.is_retryable and not error.is_about_text
    return False


def in_embedded_voice(request: SpeechRequest, listener_voice: str) -> SpeechRequest:
    """This text, spoken by the embedded voice under a key of its own.

    `listener_voice` is the role that the caller asked for. The provider's voice that plays it may have a name
    that the embedded voice does not know.
    """
    return SpeechRequest(
        text=request.text,
        voice=listener_voice,
        model=EMBEDDED_MODEL,
        audio_format=request.audio_format,
        speed=request.speed,
    )


class FallbackVoice:
    """Speaks for one process. Its `generator` holds the embedded provider, which loads at its first word.

    Its clips are kept under the model `embedded`, so they never answer for a clip of another model. A
    person's own words are never kept.
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
        """The whole clip of a job that failed with `error`. Raises `error` where it cannot be met."""
        if not is_met_by_fallback(error):
            raise error
        try:
            request = in_embedded_voice(job.request, listener_voice)
            if job.content_type == ContentType.RESPONSE:
                before_start()
                playing = self.generator.generate_privately(request)
            else:
                instead = replace(job, request=request, newer_than=None, is_on_record=False)
                playing = self.generator.generate(instead, before_start=before_start)
            release_connections()
            return playing.recording.result()
        except RequestRefused:  # such as a text that is not English: the provider may yet say it
            raise error from None


class NoProviderCalls(Ledger):
    """The embedded voice is free and its calls say nothing about the provider, so nothing is booked.

    Booked as "ok", they would end the alert about a refused key.
    """

    def record_call(self, request: SpeechRequest, content_type: str, usd: float, outcome: str) -> None:
        """Leave the books alone."""
