"""One request for a clip, from its start to its end: it waits, is counted, and is answered."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import cache

from django.http import HttpRequest, HttpResponseBase

from ttscache import delivery, predicting
from ttscache.accounting.ledger import Asked
from ttscache.cache import Hit, Playing
from ttscache.conf import conf
from ttscache.connections import release_connections
from ttscache.errors import Busy, SpeechError
from ttscache.models import ContentType, kind_of
from ttscache.speech import SpeechRequest
from ttscache.tiers import Entry
from ttscache.wiring import speech_cache


class WaitingRoom:
    """How many threads of this process may wait for a generation; the rest stay free for hits."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._lock = threading.Lock()
        self.taken = 0

    def wait_until_empty(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while self.taken and time.monotonic() < end:
            time.sleep(0.01)

    def enter(self) -> Callable[[], None]:
        """Take a place and return the way out. Raises Busy."""
        with self._lock:
            if self.taken >= self._places:
                raise Busy
            self.taken += 1
        return self._leave

    def _leave(self) -> None:
        with self._lock:
            self.taken -= 1


@cache
def waiting_room() -> WaitingRoom:
    return WaitingRoom(conf().waiting_threads)


class Counting:
    """Books one request: what was asked for, and once only how it went."""

    def __init__(self, asked: Asked, started: float | None = None) -> None:
        self._asked = asked
        self._started = time.monotonic() if started is None else started
        self._seconds: float | None = None

    def is_asked_for(self, request: HttpRequest) -> None:
        """Let what follows be made: also beside a generation that this request waits for."""
        if self._asked.content_hash and delivery.asks_to_hear_it(request):
            predicting.asked(self._asked.content_hash)

    def sound_is_there(self) -> None:
        self._seconds = time.monotonic() - self._started

    def book(self, outcome: str, audio_bytes: int = 0, *, made_ahead: bool = False) -> None:
        seconds = self._seconds if self._seconds is not None else time.monotonic() - self._started
        speech_cache().ledger.record_request(
            self._asked, outcome, seconds, audio_bytes, made_ahead=made_ahead
        )


def asked_for(entry: Entry) -> Asked:
    return Asked(entry.content_hash, kind_of(entry.content_type), entry.voice, entry.model, entry.characters)


def asked_in_words(speech: SpeechRequest, content_type: str) -> Asked:
    is_private = content_type == ContentType.RESPONSE
    content_hash = "" if is_private else speech.content_hash
    return Asked(content_hash, kind_of(content_type), speech.voice, speech.model, len(speech.text))


def answer_recording(
    request: HttpRequest,
    record: Callable[[], Playing],
    counting: Counting,
    audio_format: str,
    cache_control: str,
) -> HttpResponseBase:
    """Send a clip that is being made: streamed while it grows, or whole where a part was asked for.

    `record` starts or joins the recording; it is called only once there is room to wait.
    """
    counting.is_asked_for(request)
    leave: Callable[[], None] | None = None
    is_streaming = False
    # Before HTTP/1.1 a stream ends with its connection: a clip that is cut off would look whole.
    is_to_be_whole = "Range" in request.headers or request.META["SERVER_PROTOCOL"] < "HTTP/1.1"
    try:
        leave = waiting_room().enter()
        playing = record()
        release_connections()
        recording = playing.recording
        if is_to_be_whole:
            recording.whole()  # a byte that nobody has had yet may still be replaced by a better one
        else:
            recording.wait_for_sound()
        counting.sound_is_there()
        if recording.entry is None:
            is_streaming = True
            return delivery.stream(
                recording,
                audio_format,
                cache_status=delivery.miss_status(playing.outcome),
                cache_control=cache_control,
                on_end=_once_streamed(playing, counting, leave),
            )
        status = delivery.miss_status(playing.outcome)
        return _deliver(request, recording.whole(), playing.outcome, status, counting, cache_control)
    except SpeechError:
        if delivery.asks_to_hear_it(request):
            counting.book("failed")
        raise
    finally:
        if leave is not None and not is_streaming:
            leave()


def _once_streamed(playing: Playing, counting: Counting, leave: Callable[[], None]) -> Callable[[], None]:
    def end() -> None:
        entry = playing.recording.entry
        has_failed = playing.recording.error is not None
        counting.book("failed" if has_failed else playing.outcome, entry.size if entry else 0)
        leave()  # last: a process that ends waits until all have left, and then writes its books

    return end


def answer_hit(request: HttpRequest, hit: Hit, counting: Counting, cache_control: str) -> HttpResponseBase:
    counting.is_asked_for(request)
    return _deliver(request, hit.entry, hit.tier, delivery.hit_status(hit.tier), counting, cache_control)


def _deliver(  # noqa: PLR0917 - private, and both callers hand over what they have
    request: HttpRequest,
    entry: Entry,
    outcome: str,
    cache_status: str,
    counting: Counting,
    cache_control: str,
) -> HttpResponseBase:
    """The clip, or the part that was asked for, counted if this is the one time that it counts."""
    response = delivery.deliver(request, entry, cache_status=cache_status, cache_control=cache_control)
    if delivery.is_counted(request, response):
        counting.book(outcome, entry.size, made_ahead=entry.made_ahead)
    release_connections()  # the client may be slow
    return response


def answer_published(request: HttpRequest, content_hash: str, extension: str) -> HttpResponseBase | None:
    """A published clip that this host holds: no query, and nobody looks who asks. None for all else."""
    started = time.monotonic()
    hit = speech_cache().find_published(content_hash)
    if hit is None or hit.entry.audio_format != extension:
        return None
    counting = Counting(asked_for(hit.entry), started)
    return answer_hit(request, hit, counting, delivery.published_cache_control(request, hit.entry))
