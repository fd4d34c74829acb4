"""The lists behind the dashboard's figures: requests, waiting times and spending."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat

from ttscache.accounting.budget import budget_today
from ttscache.accounting.ledger import LATENCY_BUCKETS_MS
from ttscache.accounting.rollup import is_whole_day
from ttscache.admin.voice_names import VoiceListFilter, VoiceNamesAdmin
from ttscache.models import ContentType, PlaybackStart, Spending, Usage
from ttscache.staff.pages import column
from ttscache.staff.wording import OUTCOMES, dollars, moment


class FiguresAdmin(VoiceNamesAdmin):
    """One row for each hour and kind; old hours are merged into days. A row has no page of its own."""

    list_display_links = None
    date_hierarchy = "hour"
    ordering = ("-hour",)

    @admin.display(description="Hour", ordering="hour")
    def began(self, row: Usage | PlaybackStart | Spending) -> str:
        return f"{row.hour:%-d %b %Y}, all day" if is_whole_day(row.hour) else moment(row.hour)

    @admin.display(description="Kind", ordering="content_type")
    def kind(self, row: Usage | PlaybackStart | Spending) -> str:
        return dict(ContentType.choices).get(row.content_type, row.content_type)


class WaitingAdmin(FiguresAdmin):
    @admin.display(description="Waited", ordering="latency_bucket")
    def waited(self, row: Usage | PlaybackStart) -> str:
        """The upper end of the latency bucket; the last bucket has none."""
        ends = LATENCY_BUCKETS_MS
        if row.latency_bucket >= len(ends):
            return f"over {ends[-1] / 1000:g} s"
        end = ends[row.latency_bucket]
        return f"up to {end / 1000:g} s" if end >= 1000 else f"up to {end} ms"


@admin.register(Usage)
class UsageAdmin(WaitingAdmin):
    list_display = (
        *("began", "kind", "spoken_as", "came", "waited"),
        *("requests", "ahead", "characters", "sent", "list_price"),
    )
    list_before_template = "ttscache/admin/usage_note.html"
    list_filter = ("content_type", ("voice", VoiceListFilter), "outcome")

    came = column("Source", "outcome", lambda outcome: OUTCOMES.get(outcome, outcome))
    ahead = column("Made ahead", "warmed_hits", lambda hits: str(hits or ""))
    sent = column("Sent", "audio_bytes", filesizeformat)
    list_price = column("List price", "list_price_microusd", dollars)


@admin.register(PlaybackStart)
class PlaybackStartAdmin(WaitingAdmin):
    list_display = ("began", "kind", "spoken_as", "waited", "starts")
    list_before_template = "ttscache/admin/time_to_sound_note.html"
    list_filter = ("content_type", ("voice", VoiceListFilter))


@admin.register(Spending)
class SpendingAdmin(FiguresAdmin):
    list_display = ("began", "kind", "spoken_as", "model", "ended", "calls", "characters", "cost")
    cost = column("Cost", "cost_microusd", dollars)
    list_before_template = "ttscache/admin/budget_note.html"
    list_filter = ("content_type", ("voice", VoiceListFilter), "outcome")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(request, {**(extra_context or {}), "budget": budget_today()})

    @admin.display(description="Result", ordering="outcome")
    def ended(self, row: Spending) -> str:
        return "Made" if row.outcome == "ok" else row.outcome.replace("_", " ").capitalize()
