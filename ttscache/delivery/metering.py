"""Which requests count, and how each one is counted."""

from __future__ import annotations

import re
import time

from django.http import HttpRequest, HttpResponseBase

from ttscache import predicting
from ttscache.delivery.http import RANGE, Unsatisfiable, etag_of, requested_range
from ttscache.ledger import Asked
from ttscache.models import ContentType, kind_of
from ttscache.speech import SpeechRequest
from ttscache.tiers import Entry
from ttscache.wiring import speech_cache


class Meter:
    """Books one request: what was asked for, and once only how it went."""

    def __init__(self, asked: Asked, started: float | None = None) -> None:
        self._asked = asked
        self._started = time.monotonic() if started is None else started
        self._seconds: float | None = None

    def is_asked_for(self, request: HttpRequest, entry: Entry | None = None) -> None:
        """Let what follows be made: also beside a generation that this request waits for."""
        if self._asked.content_hash and asks_to_hear_it(request, entry):
            predicting.asked(self._asked.content_hash)

    def sound_is_there(self) -> None:
        self._seconds = time.monotonic() - self._started

    def book(self, outcome: str, audio_bytes: int = 0, *, made_ahead: bool = False) -> None:
        seconds = self._seconds if self._seconds is not None else time.monotonic() - self._started
        speech_cache().ledger.asked(self._asked, outcome, seconds, audio_bytes, made_ahead=made_ahead)


def asked_for(entry: Entry) -> Asked:
    return Asked(entry.content_hash, kind_of(entry.content_type), entry.voice, entry.model, entry.characters)


def asked_in_words(speech: SpeechRequest, content_type: str) -> Asked:
    is_private = content_type == ContentType.RESPONSE
    content_hash = "" if is_private else speech.content_hash
    return Asked(content_hash, kind_of(content_type), speech.voice, speech.model, len(speech.text))


def is_counted(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Whether this is one request for the clip: a player that probes two bytes first, or comes back for a
    later part, still hears it once."""
    if request.method == "HEAD" or response.status_code not in (200, 206):
        return False
    content_range = re.match(r"bytes (\d+)-(\d+)/", response.get("Content-Range", ""))
    return content_range is None or _is_start(int(content_range[1]), int(content_range[2]))


def asks_to_hear_it(request: HttpRequest, entry: Entry | None = None) -> bool:
    """Whether the clip will be heard from its start.

    Give the entry where there is one: only its size and ETag tell what a suffix range or an If-Range means.
    Without it, a suffix range counts as a later part.
    """
    if request.method == "HEAD":
        return False
    if entry is not None:
        try:
            part = requested_range(request, entry.size, etag_of(entry))
        except Unsatisfiable:
            return False
        return part is None or _is_start(part.first, part.last)
    match = RANGE.fullmatch(request.headers.get("Range", "")) if request.method == "GET" else None
    if match is None:
        return True
    first, last, suffix = match.groups()
    return suffix is None and _is_start(int(first), int(last) if last else None)


def _is_start(first: int, last: int | None) -> bool:
    return first == 0 and (last is None or last > 1)
