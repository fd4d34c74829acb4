"""The express lane: published clips that this host holds, before sessions, users and routes are looked up."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponseBase

from ttscache.delivery.clip_urls import AUDIO
from ttscache.delivery.responses import answer_published

Handler = Callable[[HttpRequest], HttpResponseBase]


def published_clips(get_response: Handler) -> Handler:
    """Answer what needs nothing but the clip. Where other origins are let in, their headers come first."""
    if settings.CORS_ALLOWED_ORIGINS:
        raise MiddlewareNotUsed

    def answer(request: HttpRequest) -> HttpResponseBase:
        asked = AUDIO.fullmatch(request.path_info) if request.method in ("GET", "HEAD") else None
        found = answer_published(request, **asked.groupdict()) if asked else None
        return found or get_response(request)

    return answer
