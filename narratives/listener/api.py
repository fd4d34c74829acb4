"""The published narratives, and having them made ahead."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from narratives import publishing
from narratives.listener.playlist import live_journey, playlist
from ttscache.api.base import PublicView
from ttscache.api.throttling import check_rate
from ttscache.api.validation import StrictCharField, checked_voice, json_object
from ttscache.conf import conf
from ttscache.models import Clip, Lane


class CueSerializer(serializers.Serializer[Any]):
    start_ms = serializers.IntegerField()
    end_ms = serializers.IntegerField()
    start = serializers.IntegerField(help_text="The first character of the sentence in `text`.")
    end = serializers.IntegerField(help_text="The character after its last one.")


class AudioSerializer(serializers.Serializer[Any]):
    url = serializers.CharField()
    content_hash = serializers.CharField(allow_null=True)
    ready = serializers.BooleanField(help_text="Plays without a provider call.")
    duration_ms = serializers.IntegerField(allow_null=True)
    bytes = serializers.IntegerField(allow_null=True)
    content_type = serializers.CharField()
    cues = CueSerializer(many=True, required=False, help_text="When each sentence is heard; of a ready clip.")


class NarrativeSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=["intro", "question", "outro"])
    position = serializers.IntegerField()
    title = serializers.CharField()
    text = serializers.CharField()
    audio = AudioSerializer()


class SystemClipSerializer(serializers.Serializer[Any]):
    text = serializers.CharField()
    audio = AudioSerializer()


class NarrativesSerializer(serializers.Serializer[Any]):
    voice = serializers.CharField()
    voices = serializers.ListField(child=serializers.CharField())
    journey = serializers.CharField(help_text="Its slug.")
    language = serializers.CharField()
    dir = serializers.ChoiceField(choices=["ltr", "rtl"])
    narratives = NarrativeSerializer(many=True)
    system = serializers.DictField(child=SystemClipSerializer())


class NarrativesView(PublicView):
    """The words that listeners hear, and where their sound is."""

    @extend_schema(
        parameters=[OpenApiParameter("voice", str), OpenApiParameter("journey", str)],
        responses=NarrativesSerializer,
    )
    def get(self, request: Request) -> Response:
        """Lists a live journey: intro, questions, outro, and its system clips."""
        voice = checked_voice(request.GET.get("voice"), conf().listener_voices)
        journey = live_journey(request.GET.get("journey"))
        return Response(playlist(journey, voice), headers={"Cache-Control": "no-cache"})


class PreCacheSerializer(serializers.Serializer[Any]):
    voice = StrictCharField(required=False, allow_null=True)
    journey = StrictCharField(required=False, allow_null=True)


class PreCacheAnswerSerializer(serializers.Serializer[Any]):
    success = serializers.BooleanField()
    voice = serializers.CharField()
    total_count = serializers.IntegerField()
    cached_count = serializers.IntegerField()
    queued_count = serializers.IntegerField()
    run = serializers.UUIDField()
    status_url = serializers.CharField()


class PreCacheNarrativesView(PublicView):
    """Makes everything of the live journey in one voice, ahead of a listener."""

    @extend_schema(
        request=PreCacheSerializer, responses={200: PreCacheAnswerSerializer, 202: PreCacheAnswerSerializer}
    )
    def post(self, request: Request) -> Response:
        """Queues what is missing, or joins the run that makes it already."""
        form = PreCacheSerializer(data=json_object(request))
        form.is_valid(raise_exception=True)
        voice = checked_voice(form.validated_data.get("voice"), conf().listener_voices)
        journey = live_journey(form.validated_data.get("journey"))
        specs = publishing.journey_clips_in_voice(journey, voice)
        hashes = [spec.speech.content_hash for spec in specs]
        ready = Clip.objects.with_audio().filter(content_hash__in=hashes)
        ready_hashes = set(ready.values_list("content_hash", flat=True))
        cached = sum(content_hash in ready_hashes for content_hash in hashes)
        is_complete = cached == len(hashes)
        if not is_complete and not publishing.is_warming(journey, voice):
            check_rate("pre_cache", request, self)
        run = publishing.warm_journey(
            journey, voice, specs=specs, lane=Lane.PREFETCH, requested_by="a listener's session"
        )
        answer = {
            "success": True,
            "voice": voice,
            "total_count": len(hashes),
            "cached_count": cached,
            "queued_count": len(hashes) - cached,
            "run": run.pk,
            "status_url": reverse("warm-run", args=[run.pk]),
        }
        return Response(answer, status=200 if is_complete else 202, headers={"Cache-Control": "no-store"})
