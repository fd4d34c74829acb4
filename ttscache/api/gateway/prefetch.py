"""POST /v1/audio/prefetch: have clips made before anybody asks for them."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from ttscache.api.gateway.base import GatewayView
from ttscache.api.gateway.calls import OWN_MODEL, SpeechCall, checked_call
from ttscache.api.gateway.errors import ModelNotFound, RefusedCall
from ttscache.api.gateway.schema import PrefetchCallSerializer, PrefetchSerializer
from ttscache.api.gateway.speech import can_be_made
from ttscache.api.permissions import MaySpend
from ttscache.api.spending import begin_spending
from ttscache.api.validation import json_object
from ttscache.delivery.http import NEVER
from ttscache.fingerprint import fingerprint_of
from ttscache.generation.deriving import sources_of
from ttscache.models import ApiToken, Clip, ContentType, Lane, in_batches
from ttscache.renditions.retirement import gone_models
from ttscache.speech import ClipSpec, SpeechRequest
from ttscache.warming.plan import plan
from ttscache.warming.runs import start_run

MOST_ITEMS = 500


class PrefetchView(GatewayView):
    permission_classes = (MaySpend,)

    @extend_schema(
        operation_id="v1_audio_prefetch",
        request=PrefetchCallSerializer,
        responses={200: PrefetchSerializer, 202: PrefetchSerializer},
    )
    def post(self, request: Request) -> Response:
        """Tells how many of these clips are there and what the others cost, and has them made."""
        body = json_object(request)
        is_dry = body.get("dry_run", False)
        if not isinstance(is_dry, bool):
            raise RefusedCall("`dry_run` must be true or false.", param="dry_run", code="invalid_type")
        gone = gone_models()
        calls = [
            checked_call({"model": OWN_MODEL, **item}, f"items[{number}].")
            for number, item in enumerate(_items(body))
        ]
        stored = _stored(calls)
        specs = [ClipSpec(_played(call, gone, stored), ContentType.NARRATIVE) for call in calls]
        planned = plan(specs)
        run = None
        if planned.missing and not is_dry:
            begin_spending(request, self, planned.characters, planned.cost_usd)
            run = start_run(
                f"prefetch:{fingerprint_of(sorted(clip.content_hash for clip in planned.clips))[:32]}",
                specs,
                name="Prefetch",
                lane=Lane.SCHEDULED,
                requested_by=_caller(request),
            )
        told = {
            "object": "audio.prefetch",
            "dry_run": is_dry,
            "total": len(planned.clips),
            "ready": len(planned.clips) - len(planned.missing),
            "missing": len(planned.missing),
            "characters": planned.characters,
            "cost_usd": round(planned.cost_usd, 6),
            "run": str(run.pk) if run else None,
            "status_url": reverse("warm-run", args=[run.pk]) if run else None,
        }
        return Response(told, status=202 if run else 200, headers={"Cache-Control": NEVER})


def _items(body: dict[str, Any]) -> list[dict[str, Any]]:
    items = body.get("items")
    if not isinstance(items, list) or not 1 <= len(items) <= MOST_ITEMS:
        raise RefusedCall(
            f"`items` must be a list of 1 to {MOST_ITEMS}.", param="items", code="invalid_value"
        )
    for number, item in enumerate(items):
        if not isinstance(item, dict):
            raise RefusedCall("Each item must be an object.", param=f"items[{number}]", code="invalid_type")
    return items


def _clips_for(call: SpeechCall) -> list[SpeechRequest]:
    """The clip of this call, and the one that speaks instead once its model is switched off."""
    instead = call.spoken_by_live_rendition()
    return [call.speech] if instead is None else [call.speech, instead]


def _stored(calls: list[SpeechCall]) -> frozenset[str]:
    """The hashes of the stored clips that may answer one of these calls. Raises Error."""
    hashes = {
        clip.content_hash
        for call in calls
        for speech in _clips_for(call)
        for clip in (speech, *sources_of(speech, at_any_loss=True))
    }
    return frozenset(
        found
        for some in in_batches(sorted(hashes))
        for found in Clip.objects.with_audio()
        .filter(content_hash__in=some)
        .values_list("content_hash", flat=True)
    )


def _played(call: SpeechCall, gone: frozenset[str], stored: frozenset[str]) -> SpeechRequest:
    """The clip that POST /v1/audio/speech would send for this call, or the stored one that it would convert.

    It looks in the order of that call: otherwise a clip is bought that nobody hears. Raises ModelNotFound.
    """
    for speech in _clips_for(call):
        is_offered = can_be_made(speech, gone)
        for clip in (speech, *sources_of(speech, at_any_loss=not is_offered)):
            if clip.content_hash in stored:
                return clip
        if is_offered:
            return speech
    raise ModelNotFound(call.model)


def _caller(request: Request) -> str:
    return f"token {request.auth.name}" if isinstance(request.auth, ApiToken) else request.user.get_username()
