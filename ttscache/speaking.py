"""Speaker: a request in, the bytes of one whole clip out; calls, pays, checks, tries again, joins."""

from __future__ import annotations

import logging
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace

from cachebox import TTLCache
from django.db import connections

from ttscache import audio as sound
from ttscache.accounting.budget import Budget, Reservation
from ttscache.accounting.ledger import Ledger
from ttscache.accounting.prices import cost_usd, is_priced, most_usd
from ttscache.circuit import Circuit
from ttscache.errors import (
    BrokenAudio,
    BudgetExhausted,
    ProviderError,
    ProviderTimeout,
    SpeechError,
    VoiceNotInUse,
)
from ttscache.models import ContentType
from ttscache.providers import Provider
from ttscache.recording import Recording
from ttscache.speech import SpeechRequest

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
LONGEST_PAUSE_SECONDS = 4.0
PARTS_AT_ONCE = 4
SPARE_BYTES, SPARE_SECONDS = 32 * 1024**2, 600


@dataclass(frozen=True, slots=True)
class Spoken:
    """A whole clip, checked once."""

    audio: bytes
    facts: sound.Sound


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One provider call under way."""

    request: SpeechRequest
    content_type: str
    reservation: Reservation


class Speaker:
    """Speaks for one process. Each call is asked of the circuit and the budget, and ends in the books."""

    def __init__(
        self, provider: Provider, ledger: Ledger, budget: Budget | None = None, circuit: Circuit | None = None
    ) -> None:
        self.provider = provider
        self.budget = budget or Budget()
        self.circuit = circuit or Circuit(provider.is_well)
        self._ledger = ledger
        self._lock = threading.Lock()
        self._calls: set[Call] = set()
        # Parts that are paid for, should another one of their clip fail and the clip be asked for again.
        self._spare: TTLCache[SpeechRequest, Spoken] = TTLCache(
            SPARE_BYTES, SPARE_SECONDS, getsizeof=lambda _, part: len(part.audio)
        )

    def speak(
        self, request: SpeechRequest, content_type: str, recording: Recording, parts_at_once: int
    ) -> Spoken:
        """The whole clip; a text that is too long for one call is spoken in parts, so many at once.

        Listeners hear a clip grow where it is one call of a voice that streams. Money is set aside for all of
        it, or for nothing.
        """
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
            Call(part, content_type, reservation)
            for part, reservation in zip(missing, reservations, strict=True)
        ]
        if len(parts) == 1 and calls:
            return self._part(calls[0], recording, is_heard=self.provider.is_streaming)
        spoken |= self._all_parts(calls, recording, parts_at_once)
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
        self, calls: list[Call], recording: Recording, at_once: int
    ) -> dict[SpeechRequest, Spoken]:
        """All or none: once a part has failed, those that have not begun are not paid for any more."""
        with ThreadPoolExecutor(at_once, thread_name_prefix="part") as pool:
            spoken = {call: pool.submit(self._part_in_thread, call, recording) for call in calls}
            try:
                return {call.request: part.result() for call, part in spoken.items()}
            except BaseException:
                for call, part in spoken.items():
                    if part.cancel():
                        self.budget.settle(call.reservation, 0.0)
                raise

    def _part_in_thread(self, call: Call, recording: Recording) -> Spoken:
        try:
            spoken = self._part(call, recording, is_heard=False)
        finally:
            connections.close_all()  # a thread's connections end with it
        if call.content_type != ContentType.RESPONSE:
            with suppress(OverflowError):  # larger than all that may be spared
                self._spare[call.request] = spoken
        return spoken

    def _part(self, call: Call, recording: Recording, *, is_heard: bool) -> Spoken:
        """A text that fits into a call; tried again while nobody has heard a byte and trouble may pass."""
        attempt = 1
        while True:
            try:
                return self._made(call, recording, is_heard=is_heard)
            except ProviderError as error:
                is_last = attempt == MAX_ATTEMPTS or self.circuit.is_open or not _is_worth_retrying(error)
                if is_last or (is_heard and not recording.take_back()):
                    if isinstance(error, BrokenAudio):
                        self.circuit.count(error)
                    raise
                time.sleep(_pause_seconds(attempt, error))
            attempt += 1
            (reservation,) = self.budget.reserve(most_usd(call.request))
            connections.close_all()
            call = replace(call, reservation=reservation)

    def _made(self, call: Call, recording: Recording, *, is_heard: bool) -> Spoken:
        """One call, if it may be made; where not, its money goes back."""
        is_made = False
        try:
            if recording.error is not None:
                raise recording.error  # broken off: nobody waits for another call
            with self.circuit.call():
                is_made = True
                return self._call(call, recording if is_heard else None)
        finally:
            if not is_made:
                self.budget.settle(call.reservation, 0.0)

    def _call(self, call: Call, listeners: Recording | None) -> Spoken:
        """Booked however it ends; what gave no sound cost nothing."""
        chunks: list[bytes] = []
        with self._lock:
            self._calls.add(call)
        try:
            for chunk in self.provider.speak(call.request):
                chunks.append(chunk)
                if listeners is not None:
                    listeners.add(chunk)
            spoken = _checked(b"".join(chunks), call.request)
        except BaseException as error:
            code = _booked_as(error)
            is_paid = bool(chunks) or (isinstance(error, ProviderError) and error.may_cost)
            self._end(call, code, cost_usd(call.request) if is_paid else 0.0)
            if isinstance(error, SpeechError):
                logger.warning("A provider call failed (%s): %s", code, error)
            raise
        self._end(call, "ok", cost_usd(call.request, spoken.facts.duration_ms / 1_000))
        return spoken

    def _end(self, call: Call, outcome: str, usd: float) -> None:
        with self._lock:
            if call not in self._calls:
                return  # it was booked when the process began to end
            self._calls.remove(call)
        self._ledger.record_call(call.request, call.content_type, usd, outcome)
        self.budget.settle(call.reservation, usd)


def _checked(audio: bytes, request: SpeechRequest) -> Spoken:
    facts = sound.examine(audio, request.audio_format)
    sound.check_whole(facts, request.text, request.speed)
    return Spoken(audio, facts)


def _booked_as(error: BaseException) -> str:
    if isinstance(error, ProviderError):
        return error.booked_as
    return error.code if isinstance(error, SpeechError) else SpeechError.code


def _is_worth_retrying(error: ProviderError) -> bool:
    return error.is_retryable and (error.retry_after_seconds or 0) <= LONGEST_PAUSE_SECONDS


def _pause_seconds(attempt: int, error: SpeechError) -> float:
    """Exponential backoff with jitter, after what the provider asks for (RFC 9110, Retry-After)."""
    return (error.retry_after_seconds or 0) + random.uniform(0.2, 0.4) * 2.0 ** (attempt - 1)
