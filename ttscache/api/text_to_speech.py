"""POST /api/text-to-speech: any text, spoken."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from ttscache.api.authentication import IsTrustedUnlessOpen
from ttscache.api.base import JsonOnly
from ttscache.api.errors import ErrorSerializer
from ttscache.api.throttling import check_generation_rate
from ttscache.api.validation import StrictCharField, checked_voice, json_object
from ttscache.cache import Hit, Playing
from ttscache.conf import conf
from ttscache.delivery import http
from ttscache.delivery.metering import Meter, asked_in_words
from ttscache.delivery.responses import answer_hit, answer_recording
from ttscache.errors import EmptyText, TextTooLong, UnknownContentType
from ttscache.models import Clip, ContentType
from ttscache.speech import SpeechRequest
from ttscache.wiring import speech_cache

# What a caller may say, and the kind it is filed under.
CONTENT_TYPES = {
    "narrative": ContentType.NARRATIVE,
    "greeting": ContentType.NARRATIVE,
    "outro": ContentType.NARRATIVE,
    "question": ContentType.QUESTION,
    "analysis": ContentType.ANALYSIS,
    "response": ContentType.RESPONSE,
}


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
        meter = Meter(asked_in_words(speech, content_type))

        def check_rate() -> None:
            check_generation_rate(request, self)

        def record() -> Playing:
            if content_type == ContentType.RESPONSE:
                check_rate()
                return speech_cache().generate_privately(speech)
            return speech_cache().record(speech, content_type, before_start=check_rate)

        is_private = content_type == ContentType.RESPONSE
        cache_control = http.NEVER if is_private else http.PRIVATE
        hit = None if is_private else _kept(speech)
        if hit is not None:
            return answer_hit(request._request, hit, meter, cache_control)
        return answer_recording(request._request, record, meter, speech.audio_format, cache_control)


def _kept(speech: SpeechRequest) -> Hit | None:
    """The clip, if it is on record and there."""
    if Clip.objects.is_asked_for_now(speech.content_hash):
        return speech_cache().find(speech.content_hash)
    speech_cache().forget([speech.content_hash])  # in case it was removed
    return None


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
