"""POST /api/text-to-speech: speak any text."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from ttscache.access import Access
from ttscache.api.base import JsonView
from ttscache.api.errors import ErrorSerializer
from ttscache.api.permissions import MaySpendUnlessOpen
from ttscache.api.spending import begin_generation
from ttscache.api.throttling import refuse_if_used_up
from ttscache.api.validation import StrictCharField, checked_voice, json_object
from ttscache.cache import ClipInTheMaking, GenerationJob
from ttscache.conf import conf
from ttscache.delivery import http
from ttscache.delivery.metering import Meter, requested_text
from ttscache.delivery.playback import find_touched, load_for_playback
from ttscache.delivery.responses import respond_while_generating, respond_with_hit
from ttscache.errors import EmptyText, TextTooLong, UnknownContentType
from ttscache.models import ContentType
from ttscache.renditions.current import request_for
from ttscache.speech import SpeechRequest, is_storable
from ttscache.text.plain_text import has_words
from ttscache.wiring import speech_cache

_JOINED = "ttscache.joined"  # a key of META; those of a client's headers begin with HTTP_

# The `content_type` that a caller may name, and the kind it is stored and counted as.
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


_form = TextToSpeechSerializer()


class TextToSpeechView(JsonView):
    permission_classes = (MaySpendUnlessOpen,)

    @extend_schema(
        request=TextToSpeechSerializer,
        responses={(200, "audio/mpeg"): OpenApiTypes.BINARY, 400: OpenApiResponse(ErrorSerializer)},
    )
    def post(self, request: Request) -> HttpResponseBase:
        """Speaks a text. A new clip is streamed while it is made."""
        started = time.monotonic()
        speech, content_type, voice = spoken_request(json_object(request))
        # `cache` counts a request once, even if the embedded voice takes over after the first one failed.
        before_start = cache(partial(begin_generation, request, self, speech))
        if content_type == ContentType.RESPONSE:
            return _speak_privately(request._request, speech, voice, before_start, started)
        # Touch the clip before looking for its bytes, so that a prune cannot delete it meanwhile.
        record = load_for_playback(speech.content_hash, hidden_too=True)
        is_on_record = record is not None and record.touch()
        with Meter(request._request, requested_text(speech, content_type), started) as meter:
            hit = find_touched(speech.content_hash, record if is_on_record else None)
            if hit is not None:
                return respond_with_hit(meter, hit, http.PRIVATE)
            refuse_if_used_up(request, self)
            job = GenerationJob(request=speech, content_type=content_type, is_on_record=is_on_record)
            generate = _joined_by(request._request) or partial(
                speech_cache().generate, job, before_start=before_start
            )
            fall_back = partial(speech_cache().fall_back, job, voice, before_start=before_start)
            # Earlier front ends request published texts here too, and published clips keep their one voice.
            is_published = record is not None and record.access is Access.PUBLISHED
            return respond_while_generating(
                meter, generate, speech.audio_format, http.PRIVATE, None if is_published else fall_back
            )


def note_joined(request: HttpRequest, making: ClipInTheMaking) -> None:
    """Note the recording that this request has waited for, so that its failure does not begin another."""
    request.META[_JOINED] = making


def _joined_by(request: HttpRequest) -> Callable[[], ClipInTheMaking] | None:
    making = request.META.get(_JOINED)
    return None if making is None else lambda: making


def _speak_privately(
    request: HttpRequest,
    speech: SpeechRequest,
    voice: str,
    before_start: Callable[[], None],
    started: float,
) -> HttpResponseBase:
    """Speak a person's own words. They are never stored, and no cache may keep the response."""

    def generate() -> ClipInTheMaking:
        before_start()
        return speech_cache().generate_privately(speech)

    with Meter(request, requested_text(speech, ContentType.RESPONSE), started) as meter:
        job = GenerationJob(request=speech, content_type=ContentType.RESPONSE)
        fall_back = partial(speech_cache().fall_back, job, voice, before_start=before_start)
        return respond_while_generating(meter, generate, speech.audio_format, http.NEVER, fall_back)


def spoken_request(data: dict[str, Any]) -> tuple[SpeechRequest, ContentType, str]:
    """The request to speak, its content type, and the listener voice. Raises SpeechError for bad input."""
    if not data.get("text", ""):
        raise EmptyText
    # Before the serializer, whose message would repeat what was sent.
    if data.get("content_type", "narrative") not in list(CONTENT_TYPES):
        raise UnknownContentType(f"There is no such content type. Types: {', '.join(CONTENT_TYPES)}.")
    text, voice = data["text"], data.get("voice")
    if not (is_storable(text) and (voice is None or is_storable(voice))):
        _form.run_validation(data)  # says what is wrong; it takes too long to ask it about each hit
    if len(text) > conf().max_chars:
        raise TextTooLong(f"The text is too long: the limit is {conf().max_chars} characters.")
    if not has_words(text):
        raise EmptyText
    voice = checked_voice(voice, conf().voices)
    return request_for(text, voice), CONTENT_TYPES[data.get("content_type", "narrative")], voice
