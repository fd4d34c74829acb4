"""POST /api/time-to-sound: browsers report how long listeners waited.

Anyone may post, so the figures are an indication and no proof.
"""

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
    """Counts one start of playback by voice and kind, without the person or the clip."""

    @extend_schema(
        request=TimeToSoundSerializer,
        responses={204: None, 400: OpenApiResponse(ErrorSerializer), 429: OpenApiResponse(ErrorSerializer)},
    )
    def post(self, request: Request) -> Response:
        """Counts how long a listener waited for sound. No person and no text is reported."""
        check_report_rate("time_to_sound", "Too much was reported.", request, self)
        data = json_object(request)
        if data.get("content_type", KINDS[0]) not in KINDS:  # DRF's message would repeat what was sent
            raise UnknownContentType(f"There is no such content type. Types: {', '.join(KINDS)}.")
        form = TimeToSoundSerializer(data=data)
        form.is_valid(raise_exception=True)
        started = form.validated_data
        voice = checked_voice(started["voice"], conf().listener_voices)
        speech_cache().ledger.record_playback(started["content_type"], voice, started["milliseconds"])
        return Response(status=204, headers={"Cache-Control": NEVER})
