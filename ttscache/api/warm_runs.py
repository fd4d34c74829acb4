"""GET /api/warm-runs/<id>: the progress of a warm run."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from ttscache.api.base import PublicView
from ttscache.delivery.http import NEVER
from ttscache.models import WarmRun
from ttscache.warming.progress import progress_of


class WarmRunSerializer(serializers.Serializer[Any]):
    run = serializers.UUIDField()
    state = serializers.ChoiceField(choices=WarmRun.State.choices)
    paused_because = serializers.ChoiceField(choices=["budget", "staff"], allow_blank=True)
    total = serializers.IntegerField()
    done = serializers.IntegerField()
    skipped = serializers.IntegerField()
    failed = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    characters = serializers.IntegerField()
    cost_usd = serializers.FloatField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    eta_seconds = serializers.IntegerField(allow_null=True)


class WarmRunView(PublicView):
    """The progress of a warm run. Open to anyone who knows its id; it names no text."""

    @extend_schema(responses=WarmRunSerializer)
    def get(self, request: Request, run_id: str) -> Response:
        run = get_object_or_404(WarmRun, pk=run_id)
        return Response(WarmRunSerializer(progress_of(run)).data, headers={"Cache-Control": NEVER})
