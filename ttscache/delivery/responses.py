"""Sends a clip that was found or is being made, and meters the request."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpResponseBase

from ttscache.cache import ClipInTheMaking, Hit
from ttscache.connections import release_connections
from ttscache.delivery import http
from ttscache.delivery.metering import Meter, is_counted
from ttscache.delivery.offloading import offload, was_offloaded
from ttscache.delivery.waiting_room import waiting_room
from ttscache.errors import SpeechError
from ttscache.tiers import Entry

FALLBACK = "fallback"  # the outcome of a request that the embedded voice has answered


def respond_with_hit(meter: Meter, hit: Hit, cache_control: str) -> HttpResponseBase:
    meter.announce(hit.entry)
    status = f"lifereview; hit; detail={hit.tier}"
    return _respond_with_clip(meter, hit.entry, hit.tier, status, cache_control)


def respond_while_generating(
    meter: Meter,
    generate: Callable[[], ClipInTheMaking],
    audio_format: str,
    cache_control: str,
    fall_back: Callable[[SpeechError], Entry] | None = None,
) -> HttpResponseBase:
    """Stream the clip while it grows, or send it whole if a range was requested. Raises SpeechError.

    `generate` starts or joins the recording; it is called once a place in the waiting room is free. If it
    fails before the first byte, `fall_back` returns another clip to send, or raises the error it was given.
    After the first byte an error cuts the connection: half a clip in each of two voices is worse than none.
    """
    request = meter.request
    meter.announce()
    leave = waiting_room().enter()
    is_streaming = False
    # Before HTTP/1.1 a stream ends with its connection, so a clip that was cut off would look whole.
    is_to_be_whole = "Range" in request.headers or request.META["SERVER_PROTOCOL"] < "HTTP/1.1"
    try:
        try:
            making = generate()
            release_connections()  # the voice takes seconds
            recording = making.recording
            if is_to_be_whole:
                # Wait for the whole clip: a failure can still be answered by another clip. Its size, now
                # known, tells where a suffix range begins.
                meter.announce(recording.result())
            else:
                recording.wait_for_sound()
        except SpeechError as error:
            if fall_back is None:
                raise
            return _respond_with_fallback(meter, fall_back(error))
        meter.mark_first_byte()
        detail = "collapsed" if making.outcome == "collapsed" else f"detail={making.outcome}"
        status = f"lifereview; fwd=miss; {detail}"
        if recording.entry is not None:
            return _respond_with_clip(meter, recording.result(), making.outcome, status, cache_control)
        is_streaming = True
        return http.stream_recording(
            recording,
            audio_format,
            cache_status=status,
            cache_control=cache_control,
            on_end=_once_streamed(making, meter, leave),
        )
    finally:
        # A stream keeps its place until its last byte; `on_end` frees it.
        if not is_streaming:
            leave()


def _respond_with_fallback(meter: Meter, entry: Entry) -> HttpResponseBase:
    """Send another voice's clip, which no cache may keep: once the provider is back, its voice returns."""
    meter.mark_first_byte()
    return _respond_with_clip(meter, entry, FALLBACK, f"lifereview; fwd=miss; detail={FALLBACK}", http.NEVER)


def _once_streamed(making: ClipInTheMaking, meter: Meter, leave: Callable[[], None]) -> Callable[[], None]:
    def end() -> None:
        entry = making.recording.entry
        has_failed = making.recording.error is not None
        meter.record("failed" if has_failed else making.outcome, entry.size if entry else 0)
        leave()  # last: a process that ends flushes its counts once the waiting room is empty

    return end


def _respond_with_clip(
    meter: Meter, entry: Entry, outcome: str, cache_status: str, cache_control: str
) -> HttpResponseBase:
    """Send the clip or the requested part. Probes and later parts are not counted."""
    response = http.deliver(meter.request, entry, cache_status=cache_status, cache_control=cache_control)
    if is_counted(meter.request, response) and not was_offloaded(meter.request):
        meter.record(outcome, entry.size, made_ahead=entry.made_ahead)
    release_connections()  # the client may be slow
    return offload(meter.request, entry, response)
