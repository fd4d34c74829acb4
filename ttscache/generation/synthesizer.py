"""Synthesizer: a job in, the bytes of one whole clip out; calls, pays, checks, tries again, joins."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
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
    Busy,
    ConnectionClosed,
    InputTooLong,
    ModelRetired,
    ProviderError,
    ProviderTimeout,
    Reworded,
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
from ttscache.token_usage import TokenUsage

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
LONGEST_PAUSE_SECONDS = 4.0
SPARE_BYTES, SPARE_SECONDS = 32 * 1024**2, 600


@dataclass(frozen=True, slots=True)
class SynthesizedClip:
    audio: bytes
    facts: sound.Sound


@dataclass(frozen=True, slots=True, eq=False)
class ProviderCall:
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
            streams = self.provider.streams(request)
            return self._cut_to_fit(calls[0], recording, job.parts_at_once, is_heard=streams)
        spoken |= self._all_parts(calls, recording, job.parts_at_once)
        audio = sound.join([spoken[part].audio for part in parts], request.audio_format)
        whole = _checked(audio, request)
        for part in parts:  # whoever asks for the clip once more wants it said anew
            self._spare.pop(part, None)
        return whole

    def record_unfinished(self) -> None:
        """Record what is still under way, for a process that ends: the calls may cost all the same."""
        with self._lock:
            unfinished = list(self._calls)
        for call in unfinished:
            self._end(call, ProviderTimeout.code, cost_usd(call.request))

    def _all_parts(
        self, calls: list[ProviderCall], recording: Recording, at_once: int
    ) -> dict[SpeechRequest, SynthesizedClip]:
        """All or none: once a part has failed, those that have not begun are not paid for any more."""
        begun: set[ProviderCall] = set()

        def synthesize(call: ProviderCall) -> SynthesizedClip:
            begun.add(call)
            return self._synthesize_part(call, recording)

        with OrmThreadPool(at_once, thread_name_prefix="part") as pool:
            try:
                spoken = {call.request: _submit(pool, synthesize, call) for call in calls}
                return {request: part.result() for request, part in spoken.items()}
            except BaseException:
                # A part whose submission failed may run all the same: the pool queues it before it starts a
                # thread. Once the pool is shut down, those that have not begun never will.
                pool.shutdown(cancel_futures=True)
                for call in calls:
                    if call not in begun:
                        self.budget.settle(call.reservation, 0.0)
                raise

    def _synthesize_part(self, call: ProviderCall, recording: Recording) -> SynthesizedClip:
        self._require_offered(call)  # another part may have found it gone
        spoken = self._cut_to_fit(call, recording, 1, is_heard=False)
        if call.content_type != ContentType.RESPONSE:
            with suppress(OverflowError):  # larger than all that may be spared
                self._spare[call.request] = spoken
        return spoken

    def _cut_to_fit(
        self, call: ProviderCall, recording: Recording, parts_at_once: int, *, is_heard: bool
    ) -> SynthesizedClip:
        """One call; in smaller parts where the service takes less than was known so far."""
        try:
            return self._with_retries(call, recording, is_heard=is_heard)
        except InputTooLong:  # refused before its first byte, so it cost nothing
            if self.provider.parts(call.request) == [call.request]:
                raise
            return self.synthesize(GenerationJob(call.request, call.content_type, parts_at_once), recording)

    def _with_retries(self, call: ProviderCall, recording: Recording, *, is_heard: bool) -> SynthesizedClip:
        """A text that fits into a call; tried again while nobody has heard a byte and trouble may pass."""
        attempt = 1
        while True:
            try:
                return self._guarded_call(call, recording, is_heard=is_heard)
            except ProviderError as error:
                is_worth_it = error.is_retryable and (error.retry_after_seconds or 0) <= LONGEST_PAUSE_SECONDS
                is_last = attempt == MAX_ATTEMPTS or self.circuit.is_open or not is_worth_it
                if is_last or (is_heard and not recording.discard()):
                    if error.is_about_text:
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

    def _provider_call(self, call: ProviderCall, recording: Recording | None) -> SynthesizedClip:
        """Recorded however it ends: by the tokens that it used, where the provider says so; else what gave no
        sound cost nothing."""
        chunks: list[bytes] = []
        usage: TokenUsage | None = None

        def hear(chunk: bytes) -> None:
            chunks.append(chunk)
            if recording is not None:
                recording.append(chunk)

        with self._lock:
            self._calls.add(call)
        try:
            usage = _hear_all(self.provider.speak(call.request), hear)
            spoken = _checked(b"".join(chunks), call.request)
        except BaseException as error:
            if isinstance(error, ModelRetired):
                note_gone(call.request.model)  # first of all, so that no other call begins
            code = _recorded_as(error)
            if isinstance(error, SpeechError):
                usage = usage or error.usage
            is_paid = bool(chunks or usage) or (isinstance(error, ProviderError) and error.may_cost)
            self._end(call, code, cost_usd(call.request, usage=usage) if is_paid else 0.0)
            if isinstance(error, SpeechError):
                logger.warning("A provider call failed (%s): %s", code, error)
            raise
        self._end(call, "ok", cost_usd(call.request, spoken.facts.duration_ms / 1_000, usage))
        return spoken

    def _end(self, call: ProviderCall, outcome: str, usd: float) -> None:
        with self._lock:
            if call not in self._calls:
                return  # it was recorded when the process began to end
            self._calls.remove(call)
        self._ledger.record_call(call.request, call.content_type, usd, outcome)
        self.budget.settle(call.reservation, usd)


def _submit(
    pool: OrmThreadPool, synthesize: Callable[[ProviderCall], SynthesizedClip], call: ProviderCall
) -> Future[SynthesizedClip]:
    try:
        return pool.submit(synthesize, call)
    except RuntimeError as error:  # no thread to be had
        raise Busy from error


def _hear_all(
    speaking: Generator[bytes, None, TokenUsage | None], hear: Callable[[bytes], None]
) -> TokenUsage | None:
    """Each chunk as it comes; returns the tokens that the call used, where the provider reckons by them."""
    while True:
        try:
            chunk = next(speaking)
        except StopIteration as end:
            usage: TokenUsage | None = end.value
            return usage
        hear(chunk)


def _checked(audio: bytes, request: SpeechRequest) -> SynthesizedClip:
    facts = sound.examine(audio, request.audio_format)
    sound.check_whole(facts, request.text, request.speed)
    return SynthesizedClip(audio, facts)


def _recorded_as(error: BaseException) -> str:
    if isinstance(error, ProviderError):
        return error.recorded_as
    return error.code if isinstance(error, SpeechError) else SpeechError.code


def _pause_seconds(attempt: int, error: SpeechError) -> float:
    """Exponential backoff with jitter, after what the provider asks for (RFC 9110, Retry-After)."""
    if isinstance(error, ConnectionClosed | Reworded):
        return 0.0  # the provider is not in trouble
    return (error.retry_after_seconds or 0) + random.uniform(0.2, 0.4) * 2.0 ** (attempt - 1)
