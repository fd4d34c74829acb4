"""Counts requests for clips: which ones count, and what the ledger learns of each."""

from __future__ import annotations

import re
import time
from types import TracebackType
from typing import Self

from django.http import HttpRequest, HttpResponseBase

from ttscache.accounting.ledger import RequestedClip
from ttscache.delivery.http import RANGE, Unsatisfiable, etag_of, requested_range
from ttscache.errors import SpeechError
from ttscache.models import Clip, ContentType, kind_of
from ttscache.speech import SpeechRequest
from ttscache.tiers import Entry
from ttscache.warming import prefetch
from ttscache.wiring import speech_cache


class Meter:
    """Records one request in the ledger, with the time until its first byte.

    The clock starts with the object, or at `started` (of `time.monotonic`). As a context manager it records a
    SpeechError as a failed request.
    """

    def __init__(self, request: HttpRequest, requested: RequestedClip, started: float | None = None) -> None:
        self.request = request
        self._requested = requested
        self._started = time.monotonic() if started is None else started
        self._first_byte_seconds: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, SpeechError) and asks_to_hear_it(self.request):
            self.record("failed")

    def announce(self, entry: Entry | None = None) -> None:
        """Have the next clips made ahead. Call it before waiting for a generation: both then run at once."""
        if self._requested.content_hash and asks_to_hear_it(self.request, entry):
            prefetch.note_request(self._requested.content_hash)

    def mark_first_byte(self) -> None:
        self._first_byte_seconds = time.monotonic() - self._started

    def record(self, outcome: str, audio_bytes: int = 0, *, made_ahead: bool = False) -> None:
        """Record the request. Call it once."""
        seconds = self._first_byte_seconds
        if seconds is None:
            seconds = time.monotonic() - self._started
        speech_cache().ledger.record_request(
            self._requested, outcome, seconds, audio_bytes, made_ahead=made_ahead
        )


def requested_entry(entry: Entry) -> RequestedClip:
    return RequestedClip(
        entry.content_hash, kind_of(entry.content_type), entry.voice, entry.model, entry.characters
    )


def requested_clip(clip: Clip) -> RequestedClip:
    kind = kind_of(clip.content_type)
    return RequestedClip(clip.content_hash, kind, clip.voice, clip.model, len(clip.content_text))


def requested_text(speech: SpeechRequest, content_type: str) -> RequestedClip:
    """A person's own words are counted without their hash."""
    is_private = content_type == ContentType.RESPONSE
    content_hash = "" if is_private else speech.content_hash
    return RequestedClip(content_hash, kind_of(content_type), speech.voice, speech.model, len(speech.text))


def is_counted(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Whether the response counts as a request for the clip.

    Players probe the first two bytes, or return for later parts; they still hear the clip once.
    """
    if request.method == "HEAD" or response.status_code not in (200, 206):
        return False
    content_range = re.match(r"bytes (\d+)-(\d+)/", response.get("Content-Range", ""))
    return content_range is None or is_start(int(content_range[1]), int(content_range[2]))


def asks_to_hear_it(request: HttpRequest, entry: Entry | None = None) -> bool:
    """Whether the request is for the clip's beginning, so that the clip will be heard.

    Pass the entry if there is one: a suffix range and If-Range need its size and ETag. Without it, a suffix
    range counts as a later part.
    """
    if request.method == "HEAD":
        return False
    if entry is not None:
        try:
            part = requested_range(request, entry.size, etag_of(entry))
        except Unsatisfiable:
            return False
        return part is None or is_start(part.first, part.last)
    match = RANGE.fullmatch(request.META.get("HTTP_RANGE", "")) if request.method == "GET" else None
    if match is None:
        return True
    first, last, suffix = match.groups()
    return suffix is None and is_start(int(first), int(last) if last else None)


def is_start(first: int, last: int | None) -> bool:
    """Whether who gets these bytes hears the clip, rather than probing it or returning for more."""
    # Safari probes bytes=0-1 before it plays.
    return first == 0 and (last is None or last > 1)
