"""Synthesizer: a job in, the bytes of one whole clip out; calls, pays, checks, tries again, joins."""

from __future__ import annotations

import logging
import random
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace

from cachebox import TTLCache
from django.db import connections

from ttscache import audio as sound
from ttscache.accounting.budget import Budget, Reservation
from ttscache.accounting.ledger import Ledger
from ttscache.accounting.prices import cost_usd, is_priced, most_usd
from ttscache.connections import OrmThreadPool
from ttscache.errors import (
    BrokenAudio,
    BudgetExhausted,
    ConnectionClosed,
    ModelRetired,
    ProviderError,
    ProviderTimeout,
    SpeechError,
    VoiceNotInUse,
)
from ttscache.generation.circuit_breaker import CircuitBreaker
from ttscache.generation.job import GenerationJob
from ttscache.generation.recording import Recording
from ttscache.models import ContentType
from ttscache.providers import Provider
from ttscache.renditions.retirement import note_gone, require_offered
from ttscache.speech import SpeechRequest

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
LONGEST_PAUSE_SECONDS = 4.0
SPARE_BYTES, SPARE_SECONDS = 32 * 1024**2, 600


@dataclass(frozen=True, slots=True)
class SynthesizedClip:
    """A whole clip, checked once."""

    audio: bytes
    facts: sound.Sound


@dataclass(frozen=True, slots=True, eq=False)
class ProviderCall:
    """One provider call under way."""

    request: SpeechRequest
    content_type: str
    reservation: Reservation


class Synthesizer:
    """Speaks for one process. Circuit breaker and budget have to allow each call, and the ledger shows it."""

    def __init__(
        self,
        provider: Provider,
        ledger: Ledger,
        budget: Budget | None = None,
        circuit: CircuitBreaker | None = None,
    ) -> None:
        self.provider = provider
        self.budget = budget or Budget()
        self.circuit = circuit or CircuitBreaker(provider.is_well)
        self._ledger = ledger
        self._lock = threading.Lock()
        self._calls: set[ProviderCall] = set()
        # Parts that are paid for, should another one of their clip fail and the clip be asked for again.
        self._spare: TTLCache[SpeechRequest, SynthesizedClip] = TTLCache(
            SPARE_BYTES, SPARE_SECONDS, getsizeof=lambda _, part: len(part.audio)
        )

    def synthesize(self, job: GenerationJob, recording: Recording) -> SynthesizedClip:
        """The whole clip; a text that is too long for one call is spoken in parts, so many at once.

        Listeners hear a clip grow where it is one call of a voice that streams. Money is set aside for all of
        it, or for nothing.
        """
        request = job.request
        if not self.provider.can_speak(request):
            raise VoiceNotInUse
        if self.budget.is_capped and not is_priced(request.model):
            raise BudgetExhausted("This voice has no price, so nothing new can be made with it.")
        parts = self.provider.parts(request)
        spoken = {part: self._spare[part] for part in parts if part in self._spare}
        missing = [part for part in dict.fromkeys(parts) if part not in spoken]
        reservations = self.budget.reserve(*map(most_usd, missing))
        connections.close_all()  # the voice takes seconds; others need the connection meanwhile
        calls = [
            ProviderCall(part, job.content_type, reservation)
            for part, reservation in zip(missing, reservations, strict=True)
        ]
        if len(parts) == 1 and calls:
            return self._with_retries(calls[0], recording, is_heard=self.provider.is_streaming)
        spoken |= self._all_parts(calls, recording, job.parts_at_once)
        audio = sound.join([spoken[part].audio for part in parts], request.audio_format)
        whole = _checked(audio, request)
        for part in parts:  # whoever asks for the clip once more wants it said anew
            self._spare.pop(part, None)
        return whole

    def book_unfinished(self) -> None:
        """Book what is still under way, for a process that ends: the calls may cost all the same."""
        with self._lock:
            unfinished = list(self._calls)
        for call in unfinished:
            self._end(call, ProviderTimeout.code, cost_usd(call.request))

    def _all_parts(
        self, calls: list[ProviderCall], recording: Recording, at_once: int
    ) -> dict[SpeechRequest, SynthesizedClip]:
        """All or none: once a part has failed, those that have not begun are not paid for any more."""
        with OrmThreadPool(at_once, thread_name_prefix="part") as pool:
            spoken = {call: pool.submit(self._synthesize_part, call, recording) for call in calls}
            try:
                return {call.request: part.result() for call, part in spoken.items()}
            except BaseException:
                for call, part in spoken.items():
                    if part.cancel():
                        self.budget.settle(call.reservation, 0.0)
                raise

    def _synthesize_part(self, call: ProviderCall, recording: Recording) -> SynthesizedClip:
        self._require_offered(call)  # another part may have found it gone
        spoken = self._with_retries(call, recording, is_heard=False)
        if call.content_type != ContentType.RESPONSE:
            with suppress(OverflowError):  # larger than all that may be spared
                self._spare[call.request] = spoken
        return spoken

    def _with_retries(self, call: ProviderCall, recording: Recording, *, is_heard: bool) -> SynthesizedClip:
        """A text that fits into a call; tried again while nobody has heard a byte and trouble may pass."""
        attempt = 1
        while True:
            try:
                return self._guarded_call(call, recording, is_heard=is_heard)
            except ProviderError as error:
                is_last = attempt == MAX_ATTEMPTS or self.circuit.is_open or not _is_worth_retrying(error)
                if is_last or (is_heard and not recording.discard()):
                    if isinstance(error, BrokenAudio) and error.is_about_text:
                        self.circuit.count_broken(call.request.text)
                    elif isinstance(error, BrokenAudio):
                        self.circuit.count(error)
                    raise
                time.sleep(_pause_seconds(attempt, error))
            attempt += 1
            (reservation,) = self.budget.reserve(most_usd(call.request))
            connections.close_all()
            call = replace(call, reservation=reservation)

    def _require_offered(self, call: ProviderCall) -> None:
        try:
            require_offered(call.request.model)
        except BaseException:
            self.budget.settle(call.reservation, 0.0)
            raise
        finally:
            connections.close_all()  # the voice takes seconds

    def _guarded_call(self, call: ProviderCall, recording: Recording, *, is_heard: bool) -> SynthesizedClip:
        """One call, if it may be made; where not, its money goes back."""
        is_made = False
        try:
            if recording.error is not None:
                raise recording.error  # broken off: nobody waits for another call
            with self.circuit.call():
                is_made = True
                return self._provider_call(call, recording if is_heard else None)
        finally:
            if not is_made:
                self.budget.settle(call.reservation, 0.0)

    def _provider_call(self, call: ProviderCall, listeners: Recording | None) -> SynthesizedClip:
        """Booked however it ends; what gave no sound cost nothing."""
        chunks: list[bytes] = []
        with self._lock:
            self._calls.add(call)
        try:
            for chunk in self.provider.speak(call.request):
                chunks.append(chunk)
                if listeners is not None:
                    listeners.append(chunk)
            spoken = _checked(b"".join(chunks), call.request)
        except BaseException as error:
            if isinstance(error, ModelRetired):
                note_gone(call.request.model)  # first of all, so that no other call begins
            code = _booked_as(error)
            is_paid = bool(chunks) or (isinstance(error, ProviderError) and error.may_cost)
            self._end(call, code, cost_usd(call.request) if is_paid else 0.0)
            if isinstance(error, SpeechError):
                logger.warning("A provider call failed (%s): %s", code, error)
            raise
        self._end(call, "ok", cost_usd(call.request, spoken.facts.duration_ms / 1_000))
        return spoken

    def _end(self, call: ProviderCall, outcome: str, usd: float) -> None:
        with self._lock:
            if call not in self._calls:
                return  # it was booked when the process began to end
            self._calls.remove(call)
        self._ledger.record_call(call.request, call.content_type, usd, outcome)
        self.budget.settle(call.reservation, usd)


def _checked(audio: bytes, request: SpeechRequest) -> SynthesizedClip:
    facts = sound.examine(audio, request.audio_format)
    sound.check_whole(facts, request.text, request.speed)
    return SynthesizedClip(audio, facts)


def _booked_as(error: BaseException) -> str:
    if isinstance(error, ProviderError):
        return error.booked_as
    return error.code if isinstance(error, SpeechError) else SpeechError.code


def _is_worth_retrying(error: ProviderError) -> bool:
    return error.is_retryable and (error.retry_after_seconds or 0) <= LONGEST_PAUSE_SECONDS


def _pause_seconds(attempt: int, error: SpeechError) -> float:
    """Exponential backoff with jitter, after what the provider asks for (RFC 9110, Retry-After)."""
    if isinstance(error, ConnectionClosed):
        return 0.0  # the provider is not in trouble
    return (error.retry_after_seconds or 0) + random.uniform(0.2, 0.4) * 2.0 ** (attempt - 1)
