"""Synthesizer: turns a job into one whole clip. It calls, pays, checks, retries and joins parts."""

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
    Fault,
    InputTooLong,
    ModelRetired,
    ProviderError,
    ProviderFailed,
    ProviderTimeout,
    RefusedAudio,
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
from ttscache.text.plain_text import clean_text
from ttscache.token_usage import TokenUsage

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 3  # each one may cost
LONGEST_PAUSE_SECONDS = 4.0  # if the provider asks for a longer one, the caller gets the error at once
SPARE_BYTES, SPARE_SECONDS = 32 * 1024**2, 600  # how much of paid parts is kept, and how long


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
    """Speaks for one process. The circuit breaker and the budget allow each call; the ledger records it."""

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
        # Parts that are paid for, kept in case another part of their clip fails and the clip is tried again.
        self._spare: TTLCache[SpeechRequest, SynthesizedClip] = TTLCache(
            SPARE_BYTES, SPARE_SECONDS, getsizeof=lambda _, part: len(part.audio)
        )

    def synthesize(
        self, job: GenerationJob, recording: Recording, *, refused_before: Fault | None = None
    ) -> SynthesizedClip:
        """Return the whole clip; a text that is too long for one call is spoken in parts.

        Listeners get bytes early only if the clip is one call of a voice that streams. The budget is reserved
        for all parts or none. `refused_before` is the fault of this text's last clip, if that was refused.
        Raises SpeechError.
        """
        # The key is that of the text as given; the voice gets it composed and without invisible characters.
        request = replace(job.request, text=clean_text(job.request.text))
        if not self.provider.can_speak(request):
            raise VoiceNotInUse
        if self.budget.is_capped and not is_priced(request.model):
            raise BudgetExhausted("This voice has no price, so nothing new can be made with it.")
        parts = self.provider.parts(request)
        spoken = {part: self._spare[part] for part in parts if part in self._spare}
        missing = [part for part in dict.fromkeys(parts) if part not in spoken]
        reservations = self.budget.reserve(*map(most_usd, missing))
        connections.close_all()  # the call takes seconds; other threads need the connection
        calls = [
            ProviderCall(part, job.content_type, reservation)
            for part, reservation in zip(missing, reservations, strict=True)
        ]
        if len(parts) == 1 and calls:
            streams = self.provider.streams(request)
            return self._cut_to_fit(
                calls[0], recording, job.parts_at_once, is_heard=streams, refused_before=refused_before
            )
        spoken |= self._all_parts(calls, recording, job.parts_at_once)
        audio = sound.join([spoken[part].audio for part in parts], request.audio_format)
        try:
            whole = _checked(audio, request)
        except BrokenAudio as error:
            _attach(error, audio, job.content_type, sum(map(cost_usd, missing)))
            raise
        for part in parts:  # a later request for this clip wants it spoken again
            self._spare.pop(part, None)
        return whole

    def record_unfinished(self) -> None:
        """Record calls under way when the process ends, because the provider may charge for them."""
        with self._lock:
            unfinished = list(self._calls)
        for call in unfinished:
            self._end(call, ProviderTimeout.code, cost_usd(call.request))

    def _all_parts(
        self, calls: list[ProviderCall], recording: Recording, at_once: int
    ) -> dict[SpeechRequest, SynthesizedClip]:
        """Speak all parts or fail. Once one fails, parts that have not begun are cancelled and not paid."""
        begun: set[ProviderCall] = set()

        def synthesize(call: ProviderCall) -> SynthesizedClip:
            begun.add(call)
            return self._synthesize_part(call, recording)

        with OrmThreadPool(at_once, thread_name_prefix="part") as pool:
            try:
                spoken = {call.request: _submit(pool, synthesize, call) for call in calls}
                return {request: part.result() for request, part in spoken.items()}
            except BaseException:
                # A part whose submission failed may still run, because the pool queues it before it starts a
                # thread. Shut the pool down first: parts that have not begun by then never will.
                pool.shutdown(cancel_futures=True)
                for call in calls:
                    if call not in begun:
                        self.budget.settle(call.reservation, 0.0)
                raise

    def _synthesize_part(self, call: ProviderCall, recording: Recording) -> SynthesizedClip:
        self._require_offered(call)  # another part may have found the model gone
        try:
            spoken = self._cut_to_fit(call, recording, 1, is_heard=False)
        except ProviderFailed as error:
            if error.refused is not None:
                error.refused = replace(error.refused, is_part=True)
            raise
        if call.content_type != ContentType.RESPONSE:  # a person's own words are never kept
            with suppress(OverflowError):  # the part alone is larger than SPARE_BYTES
                self._spare[call.request] = spoken
        return spoken

    def _cut_to_fit(
        self,
        call: ProviderCall,
        recording: Recording,
        parts_at_once: int,
        *,
        is_heard: bool,
        refused_before: Fault | None = None,
    ) -> SynthesizedClip:
        """Speak in one call, or in smaller parts if the service turns out to take less text."""
        try:
            return self._with_retries(call, recording, is_heard=is_heard, refused_before=refused_before)
        except InputTooLong:  # refused before its first byte, so it cost nothing
            if self.provider.parts(call.request) == [call.request]:
                raise
            return self.synthesize(GenerationJob(call.request, call.content_type, parts_at_once), recording)

    def _with_retries(
        self, call: ProviderCall, recording: Recording, *, is_heard: bool, refused_before: Fault | None
    ) -> SynthesizedClip:
        """Speak a text that fits one call. Retries while no listener has a byte and the error may pass.

        A clip that is refused for the fault of the one before is not paid for again.
        """
        attempt = 1
        while True:
            try:
                return self._guarded_call(call, recording, is_heard=is_heard)
            except ProviderError as error:
                is_worth_it = error.is_retryable and (error.retry_after_seconds or 0) <= LONGEST_PAUSE_SECONDS
                if isinstance(error, BrokenAudio) and error.is_about_text:
                    error.is_repeated = error.kind == refused_before
                    refused_before = error.kind
                    is_worth_it = is_worth_it and not error.is_repeated
                is_last = attempt == MAX_ATTEMPTS or self.circuit.is_open or not is_worth_it
                if is_last or (is_heard and not recording.discard()):
                    if error.is_about_text:
                        self.circuit.count_broken(call.request.text)
                    elif isinstance(error, BrokenAudio):
                        self.circuit.count(error)
                    raise
                time.sleep(_pause_seconds(attempt, error))
            attempt += 1
            # The failed call has been settled at its own cost, so the next one needs a new reservation.
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
            connections.close_all()  # the call takes seconds

    def _guarded_call(self, call: ProviderCall, recording: Recording, *, is_heard: bool) -> SynthesizedClip:
        """Make one call if it is allowed, else return its reservation."""
        is_made = False
        try:
            if recording.error is not None:
                raise recording.error  # cancelled: nobody waits for another call
            with self.circuit.call():
                is_made = True
                return self._provider_call(call, recording if is_heard else None)
        finally:
            if not is_made:
                self.budget.settle(call.reservation, 0.0)

    def _provider_call(self, call: ProviderCall, recording: Recording | None) -> SynthesizedClip:
        """Make one call and record its cost, however it ends.

        A failed call costs the tokens that the provider reports; without a report and without sound, nothing.
        """
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
                note_gone(call.request.model)  # noted first, so that no other call begins
            code = _recorded_as(error)
            if isinstance(error, SpeechError):
                usage = usage or error.usage
            is_paid = bool(chunks or usage) or (isinstance(error, ProviderError) and error.may_cost)
            usd = cost_usd(call.request, usage=usage) if is_paid else 0.0
            self._end(call, code, usd)
            if isinstance(error, BrokenAudio | Reworded):
                refused = error.refused.audio if error.refused is not None else b"".join(chunks)
                _attach(error, refused, call.content_type, usd)
            if isinstance(error, SpeechError):
                logger.warning("A provider call failed (%s): %s", code, error)
            raise
        self._end(call, "ok", cost_usd(call.request, spoken.facts.duration_ms / 1_000, usage))
        return spoken

    def _end(self, call: ProviderCall, outcome: str, usd: float) -> None:
        with self._lock:
            if call not in self._calls:
                return  # `record_unfinished` has recorded it
            self._calls.remove(call)
        self._ledger.record_call(call.request, call.content_type, usd, outcome)
        self.budget.settle(call.reservation, usd)


def _submit(
    pool: OrmThreadPool, synthesize: Callable[[ProviderCall], SynthesizedClip], call: ProviderCall
) -> Future[SynthesizedClip]:
    try:
        return pool.submit(synthesize, call)
    except RuntimeError as error:  # the system cannot start a thread
        raise Busy from error


def _hear_all(
    speaking: Generator[bytes, None, TokenUsage | None], hear: Callable[[bytes], None]
) -> TokenUsage | None:
    """Pass each chunk on as it comes; returns the tokens used, or None if the provider reports none."""
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


def _attach(error: BrokenAudio | Reworded, audio: bytes, content_type: str, usd: float) -> None:
    """Hand the refused bytes to whoever decides whether they are kept. Never a person's own words."""
    may_be_kept = audio and content_type != ContentType.RESPONSE and error.is_about_text
    error.refused = RefusedAudio(audio, usd) if may_be_kept else None


def _recorded_as(error: BaseException) -> str:
    if isinstance(error, ProviderError):
        return error.recorded_as
    return error.code if isinstance(error, SpeechError) else SpeechError.code


def _pause_seconds(attempt: int, error: SpeechError) -> float:
    """Exponential backoff with jitter, added to the provider's Retry-After (RFC 9110, section 10.2.3)."""
    if isinstance(error, ConnectionClosed | Reworded):
        return 0.0  # the provider works
    return (error.retry_after_seconds or 0) + random.uniform(0.2, 0.4) * 2.0 ** (attempt - 1)
