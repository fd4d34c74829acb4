"""POST /v1/audio/speech: speak a text for any client of OpenAI's API."""

from __future__ import annotations

import time
from functools import cache, partial

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from ttscache.api.gateway.base import GatewayView
from ttscache.api.gateway.calls import OWN_MODEL, SpeechCall, checked_call
from ttscache.api.gateway.errors import ModelNotFound, RefusedCall
from ttscache.api.gateway.events import as_events
from ttscache.api.gateway.schema import SpeechCallSerializer
from ttscache.api.permissions import MaySpend
from ttscache.api.spending import begin_generation
from ttscache.api.throttling import refuse_if_used_up
from ttscache.api.validation import json_object
from ttscache.cache import GenerationJob
from ttscache.delivery import http
from ttscache.delivery.metering import Meter, requested_text
from ttscache.delivery.playback import find_touched, load_for_playback
from ttscache.delivery.responses import respond_while_generating, respond_with_hit
from ttscache.errors import ModelRetired, SpeechError
from ttscache.models import ContentType
from ttscache.renditions.retirement import gone_models
from ttscache.speech import SpeechRequest
from ttscache.tiers import Entry
from ttscache.wiring import speech_cache

SUBSTITUTED = "substituted"  # said of a clip that another model has spoken


class _Unavailable(Exception):
    """No provider of ours can make this clip: it has the model no more, or never had it."""


class SpeechView(GatewayView):
    permission_classes = (MaySpend,)

    @extend_schema(
        operation_id="v1_audio_speech",
        request=SpeechCallSerializer,
        responses={(200, "audio/mpeg"): OpenApiTypes.BINARY, (200, "text/event-stream"): OpenApiTypes.STR},
    )
    def post(self, request: Request) -> HttpResponseBase:
        """Speaks a text as OpenAI's API does. A stored clip is sent at once."""
        started = time.monotonic()
        call = checked_call(json_object(request))
        response = self._answer(request, call, started)
        return as_events(response, call.speech) if call.as_events else response

    def _answer(self, request: Request, call: SpeechCall, started: float) -> HttpResponseBase:
        """Speak as requested, or in the live rendition where the requested model speaks no more."""
        instead = call.spoken_by_live_rendition()
        try:
            return self._speak(request, call.speech, call.voice, started, last_resort=instead is None)
        except _Unavailable:
            if instead is None:
                raise _not_offered(call) from None
        try:
            response = self._speak(request, instead, call.voice, started, last_resort=True)
        except _Unavailable:
            raise _not_offered(call) from None
        told = response.get("Cache-Status", "")
        if "detail=" in told and "detail=fallback" not in told:
            response["Cache-Status"] = f"{told.rpartition('detail=')[0]}detail={SUBSTITUTED}"
        return response

    def _speak(
        self, request: Request, speech: SpeechRequest, voice: str, started: float, *, last_resort: bool
    ) -> HttpResponseBase:
        """Send this clip: stored, converted, or new. Raises _Unavailable, and SpeechError.

        In the `last_resort` the embedded voice may speak, if the settings allow it.
        """
        # Touch the clip before looking for its bytes, so that a prune cannot delete it meanwhile.
        record = load_for_playback(speech.content_hash, hidden_too=True)
        is_on_record = record is not None and record.touch()
        with Meter(request._request, requested_text(speech, ContentType.NARRATIVE), started) as meter:
            hit = find_touched(speech.content_hash, record if is_on_record else None)
            if hit is not None:
                return respond_with_hit(meter, hit, http.PRIVATE)
            is_offered = can_be_made(speech, gone_models())
            derived = speech_cache().derive(speech, ContentType.NARRATIVE, at_any_loss=not is_offered)
            if derived is not None:
                return respond_with_hit(meter, derived, http.PRIVATE)
            if not is_offered and not last_resort:
                raise _Unavailable
            refuse_if_used_up(request, self)
            return self._make(request, meter, speech, voice, is_on_record, last_resort=last_resort)

    def _make(
        self,
        request: Request,
        meter: Meter,
        speech: SpeechRequest,
        voice: str,
        is_on_record: bool,
        *,
        last_resort: bool,
    ) -> HttpResponseBase:
        # `cache` counts a request once, even if the embedded voice takes over after the first one failed.
        before_start = cache(partial(begin_generation, request, self, speech))
        job = GenerationJob(request=speech, content_type=ContentType.NARRATIVE, is_on_record=is_on_record)

        def fall_back(error: SpeechError) -> Entry:
            if isinstance(error, ModelRetired) and not last_resort:
                raise _Unavailable from error
            try:
                return speech_cache().fall_back(job, voice, error, before_start=before_start)
            except ModelRetired as gone:
                raise _Unavailable from gone

        generate = partial(speech_cache().generate, job, before_start=before_start)
        return respond_while_generating(meter, generate, speech.audio_format, http.PRIVATE, fall_back)


def can_be_made(speech: SpeechRequest, gone: frozenset[str]) -> bool:
    """Whether a provider of ours may still speak this. `gone` are the models that are switched off."""
    return speech.model not in gone and speech_cache().synthesizer.provider.can_speak(speech)


def _not_offered(call: SpeechCall) -> RefusedCall:
    if call.model != OWN_MODEL:
        return ModelNotFound(call.model)
    return RefusedCall(
        f"Nothing new can be spoken in the voice `{call.voice}`: the provider has switched its model off.",
        param="model",
        code="model_not_found",
        status=404,
    )
