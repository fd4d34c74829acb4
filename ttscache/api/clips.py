"""GET /api/audio/<content_hash>.<extension>: one clip."""

from __future__ import annotations

import time

from django.http import Http404, HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from ttscache.access import Access, access_to
from ttscache.api.authentication import is_trusted
from ttscache.api.base import JsonOnly
from ttscache.api.errors import ErrorSerializer
from ttscache.api.throttling import check_generation_rate
from ttscache.audio import FORMATS
from ttscache.delivery import http
from ttscache.delivery.metering import Meter, asked_for, asked_in_words
from ttscache.delivery.responses import answer_hit, answer_published, answer_recording
from ttscache.models import Clip
from ttscache.tiers import Entry
from ttscache.wiring import speech_cache


class AudioView(APIView):
    """A clip, read through all tiers, and made where no tier has it."""

    content_negotiation_class = JsonOnly

    def perform_authentication(self, request: Request) -> None:
        """Later, and only for a clip that is not published: a published one needs no query at all."""

    @extend_schema(
        responses={(200, "audio/mpeg"): OpenApiTypes.BINARY, 404: OpenApiResponse(ErrorSerializer)}
    )
    def get(self, request: Request, content_hash: str, extension: str) -> HttpResponseBase:
        """Plays a clip (GET, HEAD, ranges)."""
        published = answer_published(request._request, content_hash, extension)
        if published is not None:
            return published
        started = time.monotonic()
        access = access_to(content_hash)
        if access is Access.RESTRICTED and not is_trusted(request):
            raise Http404
        # Before its bytes are looked for: from here on no prune takes it. What was removed is unknown at
        # once, whatever this host may still hold of it.
        if access is not Access.PUBLISHED and not Clip.objects.is_asked_for_now(content_hash):
            raise Http404
        hit = speech_cache().find(content_hash)
        if hit is None:
            return self._miss(request, content_hash, extension, access)
        if hit.entry.audio_format != extension:
            raise Http404
        meter = Meter(asked_for(hit.entry), started)
        return answer_hit(request._request, hit, meter, _cache_control(access, request, hit.entry))

    def head(self, request: Request, content_hash: str, extension: str) -> HttpResponseBase:
        return self.get(request, content_hash, extension)

    def _miss(self, request: Request, content_hash: str, extension: str, access: Access) -> HttpResponseBase:
        clip = Clip.objects.filter(content_hash=content_hash, audio_format=extension, is_active=True).first()
        if clip is None:
            raise Http404
        if request.method == "HEAD":
            return _headers_of_a_miss(extension)
        speech = clip.request

        def check_rate() -> None:
            check_generation_rate(request, self)

        return answer_recording(
            request._request,
            lambda: speech_cache().record(speech, clip.content_type, before_start=check_rate),
            Meter(asked_in_words(speech, clip.content_type)),
            extension,
            _cache_control(access, request, None),
        )


def _headers_of_a_miss(extension: str) -> HttpResponseBase:
    """HEAD never makes a clip, and so cannot tell its length: only a streaming answer is sent without one."""
    response = StreamingHttpResponse((), content_type=FORMATS[extension].media_type)
    response["Cache-Control"] = http.NEVER
    response["Accept-Ranges"] = "bytes"
    response["Cache-Status"] = "lifereview; fwd=miss"
    return response


def _cache_control(access: Access, request: Request, entry: Entry | None) -> str:
    is_published = access is Access.PUBLISHED
    return http.published_cache_control(request._request, entry) if is_published else http.PRIVATE
