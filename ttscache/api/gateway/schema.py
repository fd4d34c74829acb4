"""The shapes of the gateway's bodies, for the description of the API."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from ttscache.audio import FORMATS


class SpeechItemSerializer(serializers.Serializer[Any]):
    model = serializers.CharField(help_text="`life-review`, or a model of the provider.")
    input = serializers.CharField(max_length=4096)
    voice = serializers.CharField(help_text='A name, or {"id": "<name>"}.')
    response_format = serializers.ChoiceField(choices=list(FORMATS), default="mp3")
    speed = serializers.FloatField(min_value=0.25, max_value=4, default=1)
    instructions = serializers.CharField(required=False, max_length=4096)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A sentence", value={"model": "life-review", "voice": "nova", "input": "Good morning."}
        )
    ]
)
class SpeechCallSerializer(SpeechItemSerializer):
    stream_format = serializers.ChoiceField(choices=["audio", "sse"], default="audio")


class PrefetchCallSerializer(serializers.Serializer[Any]):
    items = SpeechItemSerializer(many=True)
    dry_run = serializers.BooleanField(default=False)


class PrefetchSerializer(serializers.Serializer[Any]):
    object = serializers.CharField()
    dry_run = serializers.BooleanField()
    total = serializers.IntegerField(help_text="Different clips among the items.")
    ready = serializers.IntegerField()
    missing = serializers.IntegerField()
    characters = serializers.IntegerField(help_text="Of the missing clips.")
    cost_usd = serializers.FloatField(help_text="Of the missing clips, at list prices.")
    run = serializers.UUIDField(allow_null=True)
    status_url = serializers.CharField(allow_null=True)


class ModelSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    object = serializers.CharField()
    created = serializers.IntegerField()
    owned_by = serializers.CharField()
    shutdown_date = serializers.DateField(allow_null=True)


class ModelsSerializer(serializers.Serializer[Any]):
    object = serializers.CharField()
    data = ModelSerializer(many=True)  # type: ignore[assignment]


class _IdSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()


class AudioModelsSerializer(serializers.Serializer[Any]):
    models = _IdSerializer(many=True)


class _VoiceSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    name = serializers.CharField()


class VoicesSerializer(serializers.Serializer[Any]):
    voices = _VoiceSerializer(many=True)
