"""One request for a clip, from its start to its end: it waits, is counted, and is answered."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from ttscache.cache import Hit, Playing
from ttscache.connections import release_connections
from ttscache.delivery import http
from ttscache.delivery.metering import Meter, asked_for, asks_to_hear_it, is_counted
from ttscache.delivery.waiting_room import waiting_room
from ttscache.errors import SpeechError
from ttscache.tiers import Entry
from ttscache.wiring import speech_cache


def answer_recording(
    request: HttpRequest,
    record: Callable[[], Playing],
    meter: Meter,
    audio_format: str,
    cache_control: str,
) -> HttpResponseBase:
    """Send a clip that is being made: streamed while it grows, or whole where a part was asked for.

    `record` starts or joins the recording; it is called only once there is room to wait.
    """
    meter.is_asked_for(request)
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
            # A byte that nobody has had yet may still be replaced by a better one. Only now is it known
            # where a suffix range begins.
            meter.is_asked_for(request, recording.whole())
        else:
            recording.wait_for_sound()
        meter.sound_is_there()
        if recording.entry is None:
            is_streaming = True
            return http.stream(
                recording,
                audio_format,
                cache_status=http.miss_status(playing.outcome),
                cache_control=cache_control,
                on_end=_once_streamed(playing, meter, leave),
            )
        status = http.miss_status(playing.outcome)
        return _deliver(request, recording.whole(), playing.outcome, status, meter, cache_control)
    except SpeechError:
        if asks_to_hear_it(request):
            meter.book("failed")
        raise
    finally:
        if leave is not None and not is_streaming:
            leave()


def _once_streamed(playing: Playing, meter: Meter, leave: Callable[[], None]) -> Callable[[], None]:
    def end() -> None:
        entry = playing.recording.entry
        has_failed = playing.recording.error is not None
        meter.book("failed" if has_failed else playing.outcome, entry.size if entry else 0)
        leave()  # last: a process that ends waits until all have left, and then writes its books

    return end


def answer_hit(request: HttpRequest, hit: Hit, meter: Meter, cache_control: str) -> HttpResponseBase:
    meter.is_asked_for(request, hit.entry)
    return _deliver(request, hit.entry, hit.tier, http.hit_status(hit.tier), meter, cache_control)


def _deliver(  # noqa: PLR0917 - private, and both callers hand over what they have
    request: HttpRequest,
    entry: Entry,
    outcome: str,
    cache_status: str,
    meter: Meter,
    cache_control: str,
) -> HttpResponseBase:
    """The clip, or the part that was asked for, counted if this is the one time that it counts."""
    response = http.deliver(request, entry, cache_status=cache_status, cache_control=cache_control)
    if is_counted(request, response):
        meter.book(outcome, entry.size, made_ahead=entry.made_ahead)
    release_connections()  # the client may be slow
    return response


def answer_published(request: HttpRequest, content_hash: str, extension: str) -> HttpResponseBase | None:
    """A published clip that this host holds: no query, and nobody looks who asks. None for all else."""
    started = time.monotonic()
    hit = speech_cache().find_published(content_hash)
    if hit is None or hit.entry.audio_format != extension:
        return None
    meter = Meter(asked_for(hit.entry), started)
    return answer_hit(request, hit, meter, http.published_cache_control(request, hit.entry))
