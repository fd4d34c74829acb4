"""DRF: remove what nobody asks for any more."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ttscache import delivery
from ttscache.admin_widgets import removed_in_words
from ttscache.api import ErrorSerializer, JsonOnly
from ttscache.authentication import MayPrune
from ttscache.conf import conf
from ttscache.maintenance import pruning
from ttscache.models import ApiToken, PruneRun
from ttscache.wiring import speech_cache


class WholeNumber(serializers.IntegerField):
    """A number of JSON: no text that looks like one, and neither true nor 1.5."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


class TrueOrFalse(serializers.BooleanField):
    """A truth of JSON: "false" in quotes is none, and nobody's clips go by mistake."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid")
        return data


class ClearOldCacheSerializer(serializers.Serializer[Any]):
    days = WholeNumber(
        required=False,
        min_value=1,
        max_value=pruning.MOST_DAYS,
        help_text="How long nobody asked for a clip; TTS_STALE_DAYS where it is not given.",
    )
    dry_run = TrueOrFalse(default=False, help_text="Only count.")


class ClearedSerializer(serializers.Serializer[Any]):
    success = serializers.BooleanField()
    dry_run = serializers.BooleanField()
    deleted_entries = serializers.IntegerField(help_text="In a dry run: what would go.")
    freed_bytes = serializers.IntegerField()
    protected_entries = serializers.IntegerField(help_text="As old, but held by a text.")
    remake_cost_usd = serializers.FloatField(help_text="What it would cost to make them again.")


class ClearOldCacheView(APIView):
    """For operators."""

    content_negotiation_class = JsonOnly
    permission_classes = (MayPrune,)

    @extend_schema(
        request=ClearOldCacheSerializer,
        responses={200: ClearedSerializer, 400: OpenApiResponse(ErrorSerializer)},
    )
    def post(self, request: Request) -> Response:
        """Removes the clips that nobody asked for in so many days and that no text holds."""
        if not isinstance(request.data, dict):
            raise ParseError  # also where it is empty: what is not understood removes nothing
        form = ClearOldCacheSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        days = form.validated_data.get("days", conf().stale_days)
        is_dry = form.validated_data["dry_run"]
        figures = _would_remove(days) if is_dry else _remove(days, request)
        answer = {"success": True, "dry_run": is_dry, **figures}
        return Response(ClearedSerializer(answer).data, headers={"Cache-Control": delivery.NEVER})


def _would_remove(days: int) -> dict[str, Any]:
    stale = pruning.find_stale(days)
    return {
        "deleted_entries": len(stale.content_hashes),
        "freed_bytes": stale.freed_bytes,
        "protected_entries": stale.kept_back,
        "remake_cost_usd": round(stale.remake_cost_usd, 6),
    }


def _remove(days: int, request: Request) -> dict[str, Any]:
    run = pruning.prune_now(days, _name_of_caller(request), speech_cache())
    if isinstance(request.user, User):
        _note(request.user, run)
    return {
        "deleted_entries": run.removed,
        "freed_bytes": run.freed_bytes,
        "protected_entries": run.kept_back,
        "remake_cost_usd": run.remake_cost_microusd / 1e6,
    }


def _name_of_caller(request: Request) -> str:
    return request.auth.name if isinstance(request.auth, ApiToken) else request.user.get_username()


def _note(user: User, run: PruneRun) -> None:
    """In the admin log, with count and price. A token is nobody who could stand there: the run names it."""
    says = removed_in_words(run)
    LogEntry.objects.log_actions(user.pk, [run], CHANGE, change_message=says, single_object=True)
