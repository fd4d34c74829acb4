"""Filters for the list of clips. The dashboard's numbers link to them, so their parameter names stay."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from ttscache.conf import conf
from ttscache.maintenance.stale import stale_clips
from ttscache.models import Clip, RefusedTake, WarmItem, has_audio
from ttscache.renditions.irreplaceable import irreplaceable_clips, models_to_keep, retired_among
from ttscache.reports.background_work import (
    exhausted_published_clips,
    failed_clips,
    waiting_longest,
)
from ttscache.reports.storage import never_heard_clips, published_clip_rows
from ttscache.warming.retry_limit import MOST_TRIES


class MadeFilter(admin.SimpleListFilter):
    title = "sound"
    parameter_name = "made"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("yes", "Made"),
            ("no", "Not made"),
            ("waiting", "Waiting to be made"),
            ("longest", "Waiting longest"),
            ("making", "Being made"),
            ("failed", "Failed in the last 24 hours"),
            ("refused", "Refused, waits for a decision"),
            ("exhausted", f"Failed {MOST_TRIES} times, not tried again"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Clip]) -> QuerySet[Clip]:
        is_made = has_audio()
        state, open_items = WarmItem.State, WarmItem.objects.open()
        narrowed = {
            "yes": queryset.filter(is_made),
            "no": queryset.exclude(is_made),
            "waiting": queryset.filter(pk__in=open_items.filter(state=state.QUEUED).values("clip")),
            "longest": queryset.filter(pk__in=waiting_longest().values("clip")),
            "making": queryset.filter(pk__in=open_items.filter(state=state.MAKING).values("clip")),
            "failed": queryset.filter(pk__in=failed_clips().values("pk")),
            "refused": queryset.filter(pk__in=RefusedTake.objects.undecided().values("clip")),
            "exhausted": queryset.filter(pk__in=exhausted_published_clips().values("pk")),
        }
        return narrowed.get(self.value() or "", queryset)


class PublishedFilter(admin.SimpleListFilter):
    title = "listeners"
    parameter_name = "published"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Published")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Clip]) -> QuerySet[Clip]:
        return queryset.filter(pk__in=published_clip_rows().values("pk")) if self.value() else queryset


class UnheardFilter(admin.SimpleListFilter):
    title = "made ahead"
    parameter_name = "unheard"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Made ahead, never heard")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Clip]) -> QuerySet[Clip]:
        return queryset.filter(pk__in=Clip.objects.never_played()) if self.value() == "yes" else queryset


class HeardFilter(admin.SimpleListFilter):
    title = "use"
    parameter_name = "heard"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("never", "Never heard, made over 30 days ago"),
            ("stale", f"Not asked for in {conf().stale_days} days"),
            ("final", "Cannot be made again"),
            ("last", "Can soon no longer be made again"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Clip]) -> QuerySet[Clip]:
        if self.value() == "never":
            return queryset.filter(pk__in=never_heard_clips().values("pk"))
        if self.value() == "stale":
            return queryset.filter(pk__in=stale_clips(conf().stale_days).values("pk"))
        if self.value() in ("final", "last"):
            retired = retired_among(models_to_keep())
            kept = irreplaceable_clips()
            wanted = (
                kept.filter(model__in=retired) if self.value() == "final" else kept.exclude(model__in=retired)
            )
            return queryset.filter(pk__in=wanted.values("pk"))
        return queryset
