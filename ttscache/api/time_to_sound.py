"""POST /api/time-to-sound: browsers report how long people waited. Open to anyone, so it proves nothing."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from ttscache.api.base import PublicView
from ttscache.api.errors import ErrorSerializer
from ttscache.api.throttling import check_report_rate
from ttscache.api.validation import StrictCharField, StrictIntegerField, checked_voice, json_object
from ttscache.conf import conf
from ttscache.delivery.http import NEVER
from ttscache.errors import UnknownContentType
from ttscache.models import ContentType
from ttscache.wiring import speech_cache

KINDS = tuple(kind.value for kind in ContentType if kind != ContentType.RESPONSE)
LONGEST_MS = 60_000


class TimeToSoundSerializer(serializers.Serializer[Any]):
    voice = StrictCharField(allow_blank=False)
    content_type = serializers.ChoiceField(choices=KINDS)
    milliseconds = StrictIntegerField(
        min_value=0, max_value=LONGEST_MS, help_text="From the press to the sound."
    )


class TimeToSoundView(PublicView):
    """Counts one clip that began to sound, by voice and kind. It never learns who heard it, or which clip."""

    @extend_schema(
        request=TimeToSoundSerializer,
        responses={204: None, 400: OpenApiResponse(ErrorSerializer), 429: OpenApiResponse(ErrorSerializer)},
    )
    def post(self, request: Request) -> Response:
        """Notes how long somebody waited for a clip to sound, without a person or a text."""
        check_report_rate("time_to_sound", request, self)
        data = json_object(request)
        if data.get("content_type", KINDS[0]) not in KINDS:  # in words that do not repeat what was sent
            raise UnknownContentType(f"There is no such content type. Types: {', '.join(KINDS)}.")
        form = TimeToSoundSerializer(data=data)
        form.is_valid(raise_exception=True)
        started = form.validated_data
        voice = checked_voice(started["voice"], conf().listener_voices)
        speech_cache().ledger.record_playback(started["content_type"], voice, started["milliseconds"])
        return Response(status=204, headers={"Cache-Control": NEVER})
