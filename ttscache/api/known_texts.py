"""Answers a posted text whose clip this host holds, before sessions, users and routes are looked at.

Everything else, and every error, is left to `TextToSpeechView`: the rules are those of the view, and only the
road to them is shorter. It has to come after the check of the Host.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from contextlib import suppress

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from ttscache.accounting.ledger import RequestedClip
from ttscache.api.authentication import has_credentials, token_of
from ttscache.api.parsers import JsonBodyParser
from ttscache.api.text_to_speech import spoken_request
from ttscache.cache import Hit
from ttscache.conf import conf
from ttscache.delivery import http
from ttscache.delivery.metering import Meter, requested_text
from ttscache.delivery.playback import find_known
from ttscache.delivery.responses import respond_with_hit
from ttscache.models import ContentType, TokenScope

ADDRESS = "/api/text-to-speech"

Handler = Callable[[HttpRequest], HttpResponseBase]


def known_texts_middleware(get_response: Handler) -> Handler:
    """Answer hits of `POST /api/text-to-speech` without a query and without DRF."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        if request.path_info != ADDRESS or request.method != "POST":
            return get_response(request)
        started = time.monotonic()
        known = None
        with suppress(Exception):  # the view meets the same error, and answers it
            known = _find_known(request)
        if known is None:
            return get_response(request)
        requested, hit = known
        with Meter(request, requested, started) as meter:
            return respond_with_hit(meter, hit, http.PRIVATE)

    return answer


def _find_known(request: HttpRequest) -> tuple[RequestedClip, Hit] | None:
    if not _may_hear_every_clip(request):
        return None
    # Once read this way, the body is still there for the view.
    body, charset = io.BytesIO(request.body), request.encoding or settings.DEFAULT_CHARSET
    speech, content_type, _ = spoken_request(JsonBodyParser().parse(body, None, {"encoding": charset}))
    if content_type == ContentType.RESPONSE:
        return None
    requested = requested_text(speech, content_type)
    hit = find_known(requested.content_hash)
    return None if hit is None else (requested, hit)


def _may_hear_every_clip(request: HttpRequest) -> bool:
    """Whether a token says so, or the settings do for all. Staff are left to the view, with their session."""
    token = token_of(request)
    if token is not None:
        return token.allows(TokenScope.SPEECH)
    return conf().allow_anonymous_text and not has_credentials(request)
