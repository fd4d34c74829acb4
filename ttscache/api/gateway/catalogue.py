"""GET /v1/models, /v1/audio/models and /v1/audio/voices: what a client may ask for.

They are open, because well-known clients ask for them without a token.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Min
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from ttscache.api.gateway.base import OpenGatewayView
from ttscache.api.gateway.calls import OWN_MODEL
from ttscache.api.gateway.errors import ModelNotFound
from ttscache.api.gateway.schema import (
    AudioModelsSerializer,
    ModelSerializer,
    ModelsSerializer,
    VoicesSerializer,
)
from ttscache.api.throttling import check_report_rate
from ttscache.conf import conf
from ttscache.models import Rendition
from ttscache.renditions.current import live_renditions
from ttscache.renditions.retirement import offered_speech_models, outlooks

LISTS_STAY = "max-age=60"


@dataclass(frozen=True, slots=True)
class ListedModel:
    id: str
    shutdown_date: date | None
    owned_by: str


class CatalogueView(OpenGatewayView):
    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        check_report_rate("catalogue", "Too many lists were requested. Please wait a minute.", request, self)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        answer = super().finalize_response(request, response, *args, **kwargs)
        # Without it a cache may choose a time of its own (RFC 9111, section 4.2.2).
        answer.headers.setdefault("Cache-Control", LISTS_STAY)
        return answer


class ModelsView(CatalogueView):
    @extend_schema(operation_id="v1_models", responses=ModelsSerializer)
    def get(self, request: Request) -> Response:
        """Lists the models that speak here."""
        created = _created()
        return Response({"object": "list", "data": [_shown(model, created) for model in models_that_speak()]})


class ModelView(CatalogueView):
    @extend_schema(operation_id="v1_model", responses=ModelSerializer)
    def get(self, request: Request, model: str) -> Response:
        """Describes one model."""
        found = next((each for each in models_that_speak() if each.id == model), None)
        if found is None:
            raise ModelNotFound(model)
        return Response(_shown(found, _created()))


class AudioModelsView(CatalogueView):
    @extend_schema(operation_id="v1_audio_models", responses=AudioModelsSerializer)
    def get(self, request: Request) -> Response:
        """Lists the models by their ids alone."""
        return Response({"models": [{"id": model.id} for model in models_that_speak()]})


class VoicesView(CatalogueView):
    @extend_schema(operation_id="v1_audio_voices", responses=VoicesSerializer)
    def get(self, request: Request) -> Response:
        """Lists the voices: first those that listeners choose."""
        return Response({"voices": [{"id": voice, "name": voice} for voice in conf().voices]})


def models_that_speak() -> list[ListedModel]:
    """Our own model, those that play a voice, and those that the provider's list has. Raises Error."""
    playing = [rendition.model for rendition in live_renditions().values()]
    names = dict.fromkeys((conf().model_by_settings, *playing, *offered_speech_models()))
    others = [
        ListedModel(each.model, each.shutdown_date, "provider")
        for each in outlooks(names)
        if not each.is_retired
    ]
    return [ListedModel(OWN_MODEL, None, "life-review"), *others]


def _created() -> datetime | None:
    """When this site first chose a voice: providers do not tell us when they made theirs."""
    first: datetime | None = Rendition.objects.aggregate(first=Min("created_at"))["first"]
    return first


def _shown(model: ListedModel, created: datetime | None) -> dict[str, Any]:
    return {
        "id": model.id,
        "object": "model",
        "created": int(created.timestamp()) if created else 0,
        "owned_by": model.owned_by,
        "shutdown_date": model.shutdown_date.isoformat() if model.shutdown_date else None,
    }
