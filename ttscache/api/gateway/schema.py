"""The shapes of the gateway's bodies, for the description of the API."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ttscache.api.gateway.calls import MOST_INSTRUCTIONS
from ttscache.audio import FORMATS
from ttscache.speech import MOST_CHARACTERS_OF_A_CALL

_MODEL = "`life-review`, or a model of the provider."


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "maxLength": 50},
            {"type": "object", "properties": {"id": {"type": "string", "maxLength": 50}}, "required": ["id"]},
        ]
    }
)
class _VoiceField(serializers.JSONField):
    """A voice's name, alone or in an object."""


class SpeechItemSerializer(serializers.Serializer[Any]):
    model = serializers.CharField(default="life-review", max_length=100, help_text=_MODEL)
    input = serializers.CharField(max_length=MOST_CHARACTERS_OF_A_CALL)
    voice = _VoiceField(help_text='A name, or {"id": "<name>"}.')
    response_format = serializers.ChoiceField(choices=list(FORMATS), default="mp3", allow_null=True)
    speed = serializers.FloatField(min_value=0.25, max_value=4, default=1, allow_null=True)
    instructions = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, max_length=MOST_INSTRUCTIONS
    )


class SpeechCallSerializer(SpeechItemSerializer):
    model = serializers.CharField(max_length=100, help_text=_MODEL)
    stream_format = serializers.ChoiceField(choices=["audio", "sse"], default="audio", allow_null=True)


class PrefetchCallSerializer(serializers.Serializer[Any]):
    items = serializers.ListField(child=SpeechItemSerializer(), min_length=1, max_length=500)
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
