"""Answers published clips that this host holds, before sessions, users and routes are looked at.

No other place answers them. It has to come after the CORS middleware, which adds headers to its responses.
"""

from __future__ import annotations

import time

from django.http import HttpRequest, HttpResponseBase

from ttscache.delivery.clip_urls import AUDIO
from ttscache.delivery.http import Handler, published_cache_control
from ttscache.delivery.metering import Meter, requested_entry
from ttscache.delivery.responses import respond_with_hit
from ttscache.wiring import speech_cache


def published_clips_middleware(get_response: Handler) -> Handler:
    """Answer hits on published clips without a query and without looking up the caller."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        match = AUDIO.fullmatch(request.path_info) if request.method in ("GET", "HEAD") else None
        found = _published(request, **match.groupdict()) if match else None
        return found or get_response(request)

    return answer


def _published(request: HttpRequest, content_hash: str, extension: str) -> HttpResponseBase | None:
    started = time.monotonic()
    hit = speech_cache().find_published(content_hash)
    if hit is None or hit.entry.audio_format != extension:
        return None
    with Meter(request, requested_entry(hit.entry), started) as meter:
        return respond_with_hit(meter, hit, published_cache_control(request, hit.entry))
