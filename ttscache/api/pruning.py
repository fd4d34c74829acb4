"""POST /api/admin/clear-old-cache: remove clips that were not requested for long."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.response import Response

from ttscache.api.base import JsonView
from ttscache.api.errors import ErrorSerializer
from ttscache.api.parsers import UnambiguousJsonParser
from ttscache.api.permissions import MayPrune
from ttscache.api.throttling import check_rate
from ttscache.api.validation import StrictBooleanField, StrictIntegerField
from ttscache.delivery.http import NEVER
from ttscache.maintenance import pruning
from ttscache.models import ApiToken
from ttscache.staff.wording import removed_in_words
from ttscache.wiring import speech_cache


class ClearOldCacheSerializer(serializers.Serializer[Any]):
    # Required, so that a request that lost its body deletes nothing.
    days = StrictIntegerField(
        min_value=1, max_value=pruning.MOST_DAYS, help_text="Remove clips not requested for this long."
    )
    dry_run = StrictBooleanField(default=False, help_text="Only count.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse fields that are unknown here: a misspelt dry_run would delete."""
        if unknown := sorted(set(self.initial_data) - set(self.fields)):
            raise serializers.ValidationError({unknown[0][:50]: "This field is unknown here."})
        return attrs


class ClearedSerializer(serializers.Serializer[Any]):
    success = serializers.BooleanField()
    dry_run = serializers.BooleanField()
    deleted_entries = serializers.IntegerField(help_text="In a dry run, clips that would be removed.")
    freed_bytes = serializers.IntegerField()
    protected_entries = serializers.IntegerField(
        help_text="Just as old, but still in use, or impossible to make again."
    )
    remake_cost_usd = serializers.FloatField(help_text="Price of making the removed clips again.")


class ClearOldCacheView(JsonView):
    permission_classes = (MayPrune,)
    parser_classes = (UnambiguousJsonParser,)

    @extend_schema(
        request=ClearOldCacheSerializer,
        responses={
            200: ClearedSerializer,
            400: OpenApiResponse(ErrorSerializer),
            429: OpenApiResponse(ErrorSerializer),
        },
    )
    def post(self, request: Request) -> Response:
        """Removes clips that were not requested for `days` and that no text uses.

        Clips that cannot be made again stay: their voice model was switched off, or will be within 60 days.
        """
        if not isinstance(request.data, dict):
            raise ParseError
        if request.query_params:  # a dry_run in the address would be overlooked
            raise serializers.ValidationError({"days and dry_run": "These belong into the body."})
        form = ClearOldCacheSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        check_rate("clear_old_cache", request, self, "Please wait a minute before the next one.")
        days = form.validated_data["days"]
        is_dry = form.validated_data["dry_run"]
        figures = _would_remove(days) if is_dry else _remove(days, request)
        answer = {"success": True, "dry_run": is_dry, **figures}
        return Response(ClearedSerializer(answer).data, headers={"Cache-Control": NEVER})


def _would_remove(days: int) -> dict[str, Any]:
    stale = pruning.find_stale(days)
    return {
        "deleted_entries": len(stale.content_hashes),
        "freed_bytes": stale.freed_bytes,
        "protected_entries": stale.kept_back,
        "remake_cost_usd": round(stale.remake_cost_usd, 6),
    }


def _remove(days: int, request: Request) -> dict[str, Any]:
    caller = request.auth.name if isinstance(request.auth, ApiToken) else request.user.get_username()
    run = pruning.prune_now(days, caller, speech_cache())
    if isinstance(
        request.user, User
    ):  # the admin log needs a user, which a token has not; the run names the token
        says = removed_in_words(run)
        LogEntry.objects.log_actions(request.user.pk, [run], CHANGE, change_message=says, single_object=True)
    return {
        "deleted_entries": run.removed,
        "freed_bytes": run.freed_bytes,
        "protected_entries": run.kept_back,
        "remake_cost_usd": run.remake_cost_microusd / 1e6,
    }
