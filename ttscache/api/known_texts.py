"""Answers a posted text whose clip this host holds or is making, before sessions, users and routes.

Everything else, and every error, is left to `TextToSpeechView`: the rules are those of the view, and only the
road to them is shorter. It has to come after the check of the Host.
"""

from __future__ import annotations

import io
import time
from contextlib import suppress

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from ttscache.api.authentication import has_credentials, token_of
from ttscache.api.parsers import JsonBodyParser
from ttscache.api.text_to_speech import note_joined, spoken_request
from ttscache.conf import conf
from ttscache.delivery import http
from ttscache.delivery.http import Handler
from ttscache.delivery.metering import Meter, requested_text
from ttscache.delivery.playback import find_known
from ttscache.delivery.responses import respond_while_generating, respond_with_hit
from ttscache.errors import SpeechError
from ttscache.models import ContentType, TokenScope
from ttscache.speech import SpeechRequest
from ttscache.wiring import speech_cache

ADDRESS = "/api/text-to-speech"


def known_texts_middleware(get_response: Handler) -> Handler:
    """Answer such requests for `POST /api/text-to-speech` without a query and without DRF."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        if request.path_info != ADDRESS or request.method != "POST":
            return get_response(request)
        started = time.monotonic()
        spoken = None
        with suppress(Exception):  # the view meets the same error, and answers it
            spoken = _speech_and_kind_of(request)
        if spoken is None:
            return get_response(request)
        speech, content_type = spoken
        meter = Meter(request, requested_text(speech, content_type), started)
        known = _respond_with_known(meter, speech)
        if known is not None:
            return known
        with speech_cache().behind_first(speech.content_hash) as is_behind:
            known = _respond_with_known(meter, speech) if is_behind else None
            return known or get_response(request)

    return answer


def _respond_with_known(meter: Meter, speech: SpeechRequest) -> HttpResponseBase | None:
    hit = find_known(speech.content_hash)
    if hit is not None:
        with meter:
            return respond_with_hit(meter, hit, http.PRIVATE)
    return _respond_while_making(meter, speech)


def _respond_while_making(meter: Meter, speech: SpeechRequest) -> HttpResponseBase | None:
    """Play the clip while it grows. None if this process is not making it, or fails before its first byte."""
    making = speech_cache().join(speech.content_hash)
    if making is None:
        return None
    try:
        return respond_while_generating(meter, lambda: making, speech.audio_format, http.PRIVATE)
    except SpeechError:  # the view answers it, or falls back to another voice
        note_joined(meter.request, making)
        return None


def _speech_and_kind_of(request: HttpRequest) -> tuple[SpeechRequest, ContentType] | None:
    """The requested speech; None for callers who may not hear every clip, and for a person's own words."""
    if not _may_hear_every_clip(request):
        return None
    # Once read this way, the body is still there for the view.
    body, charset = io.BytesIO(request.body), request.encoding or settings.DEFAULT_CHARSET
    speech, content_type, _ = spoken_request(JsonBodyParser().parse(body, None, {"encoding": charset}))
    return None if content_type == ContentType.RESPONSE else (speech, content_type)


def _may_hear_every_clip(request: HttpRequest) -> bool:
    """Whether a token says so, or the settings do for all. Staff are left to the view, with their session."""
    token = token_of(request)
    if token is not None:
        return token.allows(TokenScope.SPEECH)
    return conf().allow_anonymous_text and not has_credentials(request)
