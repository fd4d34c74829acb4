"""GET /api/audio/<content_hash>.<extension>: one clip."""

from __future__ import annotations

import time
from functools import partial

from django.http import Http404, HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from ttscache.access import Access
from ttscache.api.authentication import has_credentials, is_trusted
from ttscache.api.base import JsonView
from ttscache.api.errors import ErrorSerializer
from ttscache.api.permissions import may_spend
from ttscache.api.spending import begin_generation
from ttscache.audio import FORMATS
from ttscache.cache import GenerationJob
from ttscache.delivery import http
from ttscache.delivery.metering import Meter, requested_clip
from ttscache.delivery.playback import load_for_playback
from ttscache.delivery.responses import respond_while_generating, respond_with_hit
from ttscache.tiers import Entry
from ttscache.wiring import speech_cache


class AudioView(JsonView):
    """Plays a clip from the fastest tier that has it, or makes it.

    The middleware has already answered published clips that this host holds.
    """

    def perform_authentication(self, request: Request) -> None:
        """Skip DRF's early authentication: only a clip that is not published needs to know its caller."""

    @extend_schema(
        responses={(200, "audio/mpeg"): OpenApiTypes.BINARY, 404: OpenApiResponse(ErrorSerializer)}
    )
    def get(self, request: Request, content_hash: str, extension: str) -> HttpResponseBase:
        """Plays a clip (GET, HEAD, ranges)."""
        started = time.monotonic()
        # A caller without credentials does not cause a hidden clip to be loaded: neither the time nor a
        # header of the response tells it from an unknown one.
        record = load_for_playback(content_hash, hidden_too=has_credentials(request))
        access = record.access if record is not None else Access.RESTRICTED
        if access is Access.RESTRICTED and not is_trusted(request):
            raise Http404
        if record is None or record.clip.audio_format != extension:
            raise Http404
        # Pins protect published clips. Touch any other clip before looking for its bytes, so that a prune
        # cannot delete it meanwhile.
        if access is not Access.PUBLISHED and not record.touch():
            raise Http404
        clip = record.clip
        with Meter(request._request, requested_clip(clip), started) as meter:
            hit = speech_cache().find(content_hash, loaded=clip)
            if hit is not None:
                return respond_with_hit(meter, hit, _cache_control(access, request, hit.entry))
            if not clip.is_active:
                raise Http404
            if request.method == "HEAD":
                return _headers_of_a_miss(extension)
            if access is Access.RESTRICTED and not may_spend(request):
                raise PermissionDenied
            job = GenerationJob(request=clip.request, content_type=clip.content_type, is_on_record=True)
            # Only a caller who starts a generation counts; those who join it do not.
            before_start = partial(begin_generation, request, self, job.request)
            generate = partial(speech_cache().generate, job, before_start=before_start)
            return respond_while_generating(meter, generate, extension, _cache_control(access, request, None))

    def head(self, request: Request, content_hash: str, extension: str) -> HttpResponseBase:
        return self.get(request, content_hash, extension)


def _headers_of_a_miss(extension: str) -> HttpResponseBase:
    """Answer HEAD without making the clip. Its length is unknown, and only a stream may leave it out."""
    response = StreamingHttpResponse((), content_type=FORMATS[extension].media_type)
    response["Cache-Control"] = http.NEVER
    response["Accept-Ranges"] = "bytes"
    response["Cache-Status"] = "lifereview; fwd=miss"
    return response


def _cache_control(access: Access, request: Request, entry: Entry | None) -> str:
    is_published = access is Access.PUBLISHED
    return http.published_cache_control(request._request, entry) if is_published else http.PRIVATE
