"""Speaker: a request in, the bytes of one whole clip out; calls, pays, checks, tries again, joins."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connections

from ttscache import audio as sound
from ttscache.budget import Budget, Reservation
from ttscache.circuit import Circuit
from ttscache.errors import ProviderError, ProviderTimeout, ProviderUnavailable, SpeechError
from ttscache.ledger import Ledger
from ttscache.prices import cost_usd, most_usd
from ttscache.providers import Provider
from ttscache.recording import Recording
from ttscache.speech import SpeechRequest

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
LONGEST_PAUSE_SECONDS = 4.0
PARTS_AT_ONCE = 4


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
    reservation: Reservation | None


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

    def speak(
        self, request: SpeechRequest, content_type: str, recording: Recording, parts_at_once: int
    ) -> Spoken:
        """The whole clip; a text that is too long for one call is spoken in parts, so many at once.

        Listeners hear a clip grow where it is one call of a voice that streams.
        """
        if not self.provider.can_speak(request):
            raise ProviderUnavailable("The voice that this clip was made with is not in use.")
        parts = self.provider.parts(request)
        if len(parts) == 1:
            return self._part(parts[0], content_type, recording, is_heard=self.provider.is_streaming)
        spoken = self._all_parts(parts, content_type, recording, parts_at_once)
        audio = sound.join([part.audio for part in spoken], request.audio_format)
        return _checked(audio, request)

    def book_unfinished(self) -> None:
        """Book what is still under way, for a process that ends: the calls may cost all the same."""
        with self._lock:
            unfinished = list(self._calls)
        for call in unfinished:
            self._end(call, ProviderTimeout.code, cost_usd(call.request))

    def _all_parts(
        self, parts: list[SpeechRequest], content_type: str, recording: Recording, at_once: int
    ) -> list[Spoken]:
        """All or none: once a part has failed, those that have not begun are not paid for any more."""
        with ThreadPoolExecutor(at_once, thread_name_prefix="part") as pool:
            spoken = [pool.submit(self._part_in_thread, part, content_type, recording) for part in parts]
            try:
                return [part.result() for part in spoken]
            except BaseException:
                _cancel(spoken)
                raise

    def _part_in_thread(self, part: SpeechRequest, content_type: str, recording: Recording) -> Spoken:
        try:
            return self._part(part, content_type, recording, is_heard=False)
        finally:
            connections.close_all()  # a thread's connections end with it

    def _part(
        self, part: SpeechRequest, content_type: str, recording: Recording, *, is_heard: bool
    ) -> Spoken:
        """A text that fits into a call; tried again while nobody has heard a byte and trouble may pass."""
        attempt = 1
        while True:
            if recording.error is not None:
                raise recording.error  # broken off: nobody waits for another call
            try:
                return self._call(part, content_type, recording if is_heard else None)
            except ProviderError as error:
                is_last = attempt == MAX_ATTEMPTS or self.circuit.is_open or not _is_worth_retrying(error)
                if is_last or (is_heard and not recording.take_back()):
                    raise
                time.sleep(_pause_seconds(attempt, error))
                attempt += 1

    def _call(self, request: SpeechRequest, content_type: str, recording: Recording | None) -> Spoken:
        """One provider call, from its permission to its booking."""
        self.circuit.check()
        chunks: list[bytes] = []
        with self._paying(request, content_type, chunks) as call:
            for chunk in self.provider.speak(request):
                chunks.append(chunk)
                if recording is not None:
                    recording.add(chunk)
            spoken = _checked(b"".join(chunks), request)
        self.circuit.succeeded()
        self._end(call, "ok", cost_usd(request, spoken.facts.duration_ms / 1_000))
        return spoken

    @contextmanager
    def _paying(self, request: SpeechRequest, content_type: str, chunks: list[bytes]) -> Iterator[Call]:
        """Reserves the price, and books a call that fails; one that gave no sound costs nothing."""
        call = Call(request, content_type, self.budget.reserve(most_usd(request)))
        connections.close_all()  # the voice takes seconds; others need the connection meanwhile
        with self._lock:
            self._calls.add(call)
        try:
            yield call
        except BaseException as error:
            code = error.code if isinstance(error, SpeechError) else SpeechError.code
            is_paid = bool(chunks) or (isinstance(error, ProviderError) and error.may_cost)
            self._end(call, code, cost_usd(request) if is_paid else 0.0)
            if isinstance(error, SpeechError):
                self.circuit.failed(error)
                logger.warning("A provider call failed (%s): %s", code, error)
            raise

    def _end(self, call: Call, outcome: str, usd: float) -> None:
        with self._lock:
            if call not in self._calls:
                return  # it was booked when the process began to end
            self._calls.remove(call)
        self._ledger.paid(call.request, call.content_type, usd, outcome)
        self.budget.settle(call.reservation, usd)


def _checked(audio: bytes, request: SpeechRequest) -> Spoken:
    facts = sound.examine(audio, request.audio_format)
    sound.check_whole(facts, request.text, request.speed)
    return Spoken(audio, facts)


def _cancel(spoken: list[Future[Spoken]]) -> None:
    for part in spoken:
        part.cancel()


def _is_worth_retrying(error: ProviderError) -> bool:
    return error.is_retryable and (error.retry_after_seconds or 0) <= LONGEST_PAUSE_SECONDS


def _pause_seconds(attempt: int, error: SpeechError) -> float:
    """Exponential backoff with jitter; what the provider asks for comes first (RFC 9110, Retry-After)."""
    if error.retry_after_seconds is not None:
        return error.retry_after_seconds
    return random.uniform(0.2, 0.4) * 2.0 ** (attempt - 1)
