"""GET /metrics: figures for Prometheus, for token holders and staff with the right to see them."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from rest_framework.request import Request

from ttscache.api.base import JsonView
from ttscache.api.permissions import MayReadFigures
from ttscache.delivery.http import NEVER
from ttscache.monitoring.metrics import Figures
from ttscache.wiring import speech_cache


class MetricsView(JsonView):
    """Prometheus' text format, or OpenMetrics if `Accept` names it. Errors are JSON as everywhere."""

    permission_classes = (MayReadFigures,)

    @extend_schema(responses={(200, "text/plain"): OpenApiTypes.STR})
    def get(self, request: Request) -> HttpResponse:
        speech_cache().ledger.flush()  # counts of this process that are not in the database yet
        registry = CollectorRegistry()
        registry.register(Figures())
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        headers = {"Cache-Control": NEVER}
        return HttpResponse(encode(registry), content_type=content_type, headers=headers)
