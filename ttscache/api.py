"""DRF: clips, free text, runs, stats; errors turned into responses."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import DatabaseError
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    JsonResponse,
    StreamingHttpResponse,
)
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import exceptions, serializers
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ttscache import analytics, delivery
from ttscache.access import Access, access_to, is_trusted
from ttscache.answering import (
    Counting,
    answer_hit,
    answer_published,
    answer_recording,
    asked_for,
    asked_in_words,
)
from ttscache.audio import FORMATS
from ttscache.authentication import IsTrustedUnlessOpen
from ttscache.cache import Hit, Playing
from ttscache.conf import conf
from ttscache.errors import (
    Busy,
    EmptyText,
    ProviderUnavailable,
    SpeechError,
    StoreUnavailable,
    TextTooLong,
    UnknownContentType,
    UnknownVoice,
)
from ttscache.models import Clip, ContentType, WarmRun
from ttscache.monitoring import health
from ttscache.speech import SpeechRequest
from ttscache.throttling import check_generation_rate
from ttscache.tiers import Entry
from ttscache.wiring import speech_cache

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = {Busy: 2, StoreUnavailable: 5, ProviderUnavailable: 15}
# What a caller may say, and the kind it is filed under.
CONTENT_TYPES = {
    "narrative": ContentType.NARRATIVE,
    "greeting": ContentType.NARRATIVE,
    "outro": ContentType.NARRATIVE,
    "question": ContentType.QUESTION,
    "analysis": ContentType.ANALYSIS,
    "response": ContentType.RESPONSE,
}


class JsonOnly(BaseContentNegotiation):
    """One representation for everyone: a player that accepts audio only still gets a readable error."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser:
        return next(iter(parsers))

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


class PublicView(APIView):
    """Open to anyone; a caller is not even looked up."""

    authentication_classes: Any = ()
    content_negotiation_class = JsonOnly


# --- errors ----------------------------------------------------------------------------------------------
class ErrorSerializer(serializers.Serializer[Any]):
    error = serializers.CharField(help_text="One sentence for a person.")
    code = serializers.CharField(help_text="snake_case, for programs.")


def error_response(status: int, code: str, sentence: str, **extra: Any) -> JsonResponse:
    return JsonResponse(
        {"error": sentence, "code": code, **extra}, status=status, headers={"Cache-Control": delivery.NEVER}
    )


def answer_error(error: Exception, context: dict[str, Any]) -> HttpResponseBase:
    """DRF's exception handler: every error in the one shape, and never a word of what someone said."""
    if isinstance(error, SpeechError):
        return _answer_speech_error(error)
    if isinstance(error, DatabaseError):
        return _answer_speech_error(StoreUnavailable())
    if isinstance(error, Http404 | exceptions.NotFound):
        return error_response(404, "not_found", "There is nothing at this address.")
    if isinstance(error, PermissionDenied):
        return error_response(403, "forbidden", "You may not do this.")
    if isinstance(error, RecursionError):  # JSON so deep that nobody means it
        return error_response(400, "parse_error", "The body has to be a JSON object.")
    if isinstance(error, RequestDataTooBig):
        return error_response(413, "too_large", "The request is too large.")
    if isinstance(error, SuspiciousOperation):
        return error_response(400, "bad_request", "The request cannot be understood.")
    if isinstance(error, exceptions.APIException):
        return _answer_api_exception(error)
    logger.error(
        "%s %s failed: %s",
        context["request"].method,
        context["request"].path,
        type(error).__name__,
        exc_info=RuntimeError(type(error).__name__).with_traceback(error.__traceback__),
    )
    return error_response(500, "server_error", "Something went wrong on this server.")


def _answer_speech_error(error: SpeechError) -> HttpResponseBase:
    extra = {"voices": list(error.voices)} if isinstance(error, UnknownVoiceOf) else {}
    response = error_response(error.status, error.code, str(error.args[0]), **extra)
    default = next(
        (seconds for kind, seconds in RETRY_AFTER_SECONDS.items() if isinstance(error, kind)), None
    )
    seconds = error.retry_after_seconds if error.retry_after_seconds is not None else default
    if seconds is not None:
        response["Retry-After"] = str(max(1, math.ceil(seconds)))
    return response


def _answer_api_exception(error: exceptions.APIException) -> HttpResponseBase:
    if isinstance(error, exceptions.ValidationError):
        field, sentence = _first_problem(error.detail)
        response = error_response(400, "invalid", f"{field}: {sentence}" if field else sentence)
    elif isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        response = error_response(error.status_code, "not_authenticated", "This needs a valid API token.")
    elif isinstance(error, exceptions.PermissionDenied):
        response = error_response(403, "forbidden", str(error.detail))
    elif isinstance(error, exceptions.ParseError):
        response = error_response(400, "parse_error", "The body has to be a JSON object.")
    else:
        code = str(error.default_code)
        response = error_response(error.status_code, code, str(error.detail))
    auth_header = getattr(error, "auth_header", None)
    if auth_header:
        response["WWW-Authenticate"] = auth_header
    return response


def _first_problem(detail: Any) -> tuple[str, str]:
    if isinstance(detail, dict):
        field, problems = next(iter(detail.items()))
        name = "" if field == "non_field_errors" else str(field)
        return name, _first_problem(problems)[1]
    if isinstance(detail, list):
        return _first_problem(detail[0])
    return "", str(detail)


class UnknownVoiceOf(UnknownVoice):
    """The voice that was asked for is none of these."""

    def __init__(self, voices: tuple[str, ...]) -> None:
        super().__init__(f"There is no such voice. Voices: {', '.join(voices)}.")
        self.voices = voices


def checked_voice(voice: str | None, voices: tuple[str, ...]) -> str:
    """The voice, or the default one where none is named. Raises UnknownVoice."""
    if not voice:
        return conf().default_voice
    if voice not in voices:
        raise UnknownVoiceOf(voices)
    return voice


class StrictCharField(serializers.CharField):
    """Text that is taken as it is: a number is not a text, and blanks at the ends belong to it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**({"trim_whitespace": False, "allow_blank": True} | options))

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return data


# --- views -----------------------------------------------------------------------------------------------
class HealthView(PublicView):
    """Whether this process can answer; no query is made."""

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        return Response(
            {"status": "healthy", "service": "life-review"}, headers={"Cache-Control": "no-store"}
        )


def readyz(request: HttpRequest) -> HttpResponse:
    """One line for each part, and 503 when one of them is not fit for work."""
    parts = health.parts()
    body = "".join(
        f"{part.name}: {'ok' if part.is_ready else 'NOT READY'}, {part.detail}\n" for part in parts
    )
    status = 200 if all(part.is_ready for part in parts) else 503
    return HttpResponse(body, status=status, content_type="text/plain", headers={"Cache-Control": "no-store"})


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
        counting = Counting(asked_for(hit.entry), started)
        return answer_hit(request._request, hit, counting, _cache_control(access, request, hit.entry))

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
            Counting(asked_in_words(speech, clip.content_type)),
            extension,
            _cache_control(access, request, None),
        )


def _headers_of_a_miss(extension: str) -> HttpResponseBase:
    """HEAD never makes a clip, and so cannot tell its length: only a streaming answer is sent without one."""
    response = StreamingHttpResponse((), content_type=FORMATS[extension].media_type)
    response["Cache-Control"] = delivery.NEVER
    response["Accept-Ranges"] = "bytes"
    response["Cache-Status"] = "lifereview; fwd=miss"
    return response


def _cache_control(access: Access, request: Request, entry: Entry | None) -> str:
    is_published = access is Access.PUBLISHED
    return delivery.published_cache_control(request._request, entry) if is_published else delivery.PRIVATE


class TextToSpeechSerializer(serializers.Serializer[Any]):
    text = StrictCharField()
    voice = StrictCharField(required=False, allow_null=True)
    content_type = serializers.ChoiceField(choices=list(CONTENT_TYPES), default="narrative")


class TextToSpeechView(APIView):
    """Speaks any text."""

    content_negotiation_class = JsonOnly
    permission_classes = (IsTrustedUnlessOpen,)

    @extend_schema(
        request=TextToSpeechSerializer,
        responses={(200, "audio/mpeg"): OpenApiTypes.BINARY, 400: OpenApiResponse(ErrorSerializer)},
    )
    def post(self, request: Request) -> HttpResponseBase:
        """Speaks a text; streamed while it is made."""
        speech, content_type = _spoken_request(json_object(request))
        counting = Counting(asked_in_words(speech, content_type))

        def check_rate() -> None:
            check_generation_rate(request, self)

        def record() -> Playing:
            if content_type == ContentType.RESPONSE:
                check_rate()
                return speech_cache().record_privately(speech)
            return speech_cache().record(speech, content_type, before_start=check_rate)

        is_private = content_type == ContentType.RESPONSE
        cache_control = delivery.NEVER if is_private else delivery.PRIVATE
        hit = None if is_private else _kept(speech)
        if hit is not None:
            return answer_hit(request._request, hit, counting, cache_control)
        return answer_recording(request._request, record, counting, speech.audio_format, cache_control)


def _kept(speech: SpeechRequest) -> Hit | None:
    """The clip, if it is on record and there."""
    if Clip.objects.is_asked_for_now(speech.content_hash):
        return speech_cache().find(speech.content_hash)
    speech_cache().forget([speech.content_hash])  # in case it was removed
    return None


def json_object(request: Request) -> dict[str, Any]:
    """The body, or nothing where there is none. Raises ParseError where it is something else."""
    if not request.data:
        return {}
    if not isinstance(request.data, dict):
        raise exceptions.ParseError
    return request.data


def _spoken_request(data: dict[str, Any]) -> tuple[SpeechRequest, ContentType]:
    if not data.get("text", ""):
        raise EmptyText
    if data.get("content_type", "narrative") not in list(CONTENT_TYPES):
        raise UnknownContentType(f"There is no such content type. Types: {', '.join(CONTENT_TYPES)}.")
    form = TextToSpeechSerializer(data=data)
    form.is_valid(raise_exception=True)
    words = form.validated_data
    if len(words["text"]) > conf().max_chars:
        raise TextTooLong(f"The text is too long: at most {conf().max_chars} characters are taken.")
    voice = checked_voice(words.get("voice"), conf().voices)
    return conf().house_request(words["text"], voice), CONTENT_TYPES[words["content_type"]]


class WarmRunSerializer(serializers.Serializer[Any]):
    run = serializers.UUIDField()
    state = serializers.ChoiceField(choices=WarmRun.State.choices)
    paused_because = serializers.ChoiceField(choices=["budget", "staff"], allow_blank=True)
    total = serializers.IntegerField()
    done = serializers.IntegerField()
    skipped = serializers.IntegerField()
    failed = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    characters = serializers.IntegerField()
    cost_usd = serializers.FloatField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    eta_seconds = serializers.IntegerField(allow_null=True)


class WarmRunView(PublicView):
    """How far a warm run has come."""

    @extend_schema(responses=WarmRunSerializer)
    def get(self, request: Request, run_id: str) -> Response:
        run = WarmRun.objects.filter(pk=run_id).first()
        if run is None:
            raise Http404
        return Response(
            WarmRunSerializer(analytics.progress_of(run)).data, headers={"Cache-Control": delivery.NEVER}
        )


class CacheStatsView(APIView):
    """What the cache holds, what it was asked for, and what that cost and saved."""

    content_negotiation_class = JsonOnly
    permission_classes = (IsTrustedUnlessOpen,)

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        speech_cache().ledger.flush()
        return Response(analytics.cache_stats(), headers={"Cache-Control": delivery.NEVER})


class NotFoundView(PublicView):
    """Whatever is not an address of the API."""

    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise Http404
