"""Clips, usage, spending and API tokens for staff; runs and prunes have files of their own."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat, truncatechars
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.views import ChangeList

from ttscache import admin_prunes, admin_runs  # noqa: F401 - register their pages
from ttscache.accounting.budget import budget_today
from ttscache.accounting.ledger import LATENCY_BUCKETS_MS
from ttscache.accounting.rollup import is_whole_day
from ttscache.admin_dashboard import DashboardPages
from ttscache.admin_filters import HeardFilter, MadeFilter, PublishedFilter, UnheardFilter
from ttscache.admin_pages import LookOnly, StaffAdmin
from ttscache.admin_widgets import (
    OUTCOMES,
    Badge,
    badges_of,
    dollars,
    length,
    moment,
    player,
    waveform,
)
from ttscache.models import Alert, ApiToken, Clip, ContentType, Pin, SoundStart, Spending, Usage


# --- clips -----------------------------------------------------------------------------------------------
class ClipList(ChangeList):  # type: ignore[misc]
    """Looks up how the clips of a page stand, all at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        badges = badges_of(self.result_list)
        for clip in self.result_list:
            clip.badge = badges[clip.content_hash]


@admin.register(Clip)
class ClipAdmin(DashboardPages, LookOnly):
    """Every text on record, and how it sounds.

    Reflections on what somebody said are left out until a person has declared them fit for others.
    """

    list_display = ("says", "sound", "kind", "lasts", "size", "made", "asked_for")
    list_filter = (
        ("voice", admin.AllValuesFieldListFilter),
        "content_type",
        MadeFilter,
        PublishedFilter,
        UnheardFilter,
        HeardFilter,
    )
    search_fields = ("content_text",)
    search_help_text = "Words of the text"
    list_before_template = "admin/clips/private_note.html"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "content_text",
                    "hear",
                    "shape",
                    "kind",
                    "lasts",
                    "size",
                    "made",
                    "asked_for",
                )
            },
        ),
        (
            "Technical",
            {
                "classes": ["collapse"],
                "fields": (
                    ("content_hash", "model"),
                    ("audio_format", "speed"),
                    "instructions",
                    ("loudness_dbfs", "checksum"),
                    "held_because",
                    ("created_at", "adopted_at"),
                ),
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Clip]:
        is_private = Q(content_type=ContentType.ANALYSIS, is_shareable=False) | Q(
            content_type=ContentType.RESPONSE
        )
        return super().get_queryset(request).exclude(is_private).defer("waveform")  # type: ignore[no-any-return]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ClipList]:
        return ClipList

    @admin.display(description="Text", ordering="content_text")
    def says(self, clip: Clip) -> str:
        return truncatechars(clip.content_text, 90)

    @admin.display(description="Sound", ordering="voice")
    def sound(self, clip: Clip) -> SafeString:
        shown = player(clip, voice=clip.voice, says=truncatechars(clip.content_text, 60))
        badge: Badge = clip.badge  # type: ignore[attr-defined]
        return shown if clip.is_ready else shown + badge.html

    @admin.display(description="Kind", ordering="content_type")
    def kind(self, clip: Clip) -> str:
        return clip.get_content_type_display()

    @admin.display(description="Length", ordering="duration_ms")
    def lasts(self, clip: Clip) -> str:
        return length(clip.duration_ms)

    @admin.display(description="Size", ordering="audio_file_size")
    def size(self, clip: Clip) -> str:
        return filesizeformat(clip.audio_file_size) if clip.audio_file_size else ""

    @admin.display(description="Made", ordering="kept_at")
    def made(self, clip: Clip) -> str:
        return moment(clip.kept_at)

    @admin.display(description="Last asked for", ordering="last_accessed_at")
    def asked_for(self, clip: Clip) -> str:
        return moment(clip.last_accessed_at)

    @admin.display(description="Sound")
    def hear(self, clip: Clip) -> SafeString:
        badge = badges_of([clip])[clip.content_hash]
        says = truncatechars(clip.content_text, 60)
        return player(clip, voice=clip.voice, says=says, template="controls") + badge.html

    @admin.display(description="Shape")
    def shape(self, clip: Clip) -> SafeString | str:
        return waveform(clip) if clip.is_ready and clip.waveform else ""

    @admin.display(description="Held because it is")
    def held_because(self, clip: Clip) -> SafeString:
        pins = Pin.objects.in_force().filter(content_hash=clip.content_hash)
        return format_html_join(", ", "{}", ((pin.get_reason_display(),) for pin in pins))


# --- figures: the lists behind the dashboard ---------------------------------------------------------------


def kind_in_words(content_type: str) -> str:
    return ContentType(content_type).label if content_type in ContentType.values else content_type


ALERT_OPEN = Badge("Open", "notification_important", "danger")
ALERT_WATCHED = Badge("Watched", "visibility", "neutral", "It may pass by itself; otherwise staff are told.")
ALERT_OVER = Badge("Over", "check_circle", "success")


class OpenFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Open"), ("over", "Over")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Alert]) -> QuerySet[Alert]:
        if self.value() in ("open", "over"):
            return queryset.filter(over_at__isnull=self.value() == "open")
        return queryset


class FiguresAdmin(LookOnly):
    """One row an hour (a day, once it is old) and kind; there is nothing more to see behind it."""

    list_display_links = None
    date_hierarchy = "hour"
    ordering = ("-hour",)

    @admin.display(description="Hour", ordering="hour")
    def began(self, row: Usage | SoundStart | Spending) -> str:
        return f"{row.hour:%-d %b %Y}, all day" if is_whole_day(row.hour) else moment(row.hour)

    @admin.display(description="Kind", ordering="content_type")
    def kind(self, row: Usage | SoundStart | Spending) -> str:
        return kind_in_words(row.content_type)


class WaitingAdmin(FiguresAdmin):
    """Figures by latency bucket."""

    @admin.display(description="Waited", ordering="latency_bucket")
    def waited(self, row: Usage | SoundStart) -> str:
        """The upper end of the bucket; the last one is open."""
        ends = LATENCY_BUCKETS_MS
        if row.latency_bucket >= len(ends):
            return f"over {ends[-1] / 1000:g} s"
        end = ends[row.latency_bucket]
        return f"up to {end / 1000:g} s" if end >= 1000 else f"up to {end} ms"


@admin.register(Usage)
class UsageAdmin(WaitingAdmin):
    list_display = (
        *("began", "kind", "voice", "came", "waited"),
        *("requests", "ahead", "characters", "sent", "worth"),
    )
    list_before_template = "admin/clips/usage_note.html"
    list_filter = ("content_type", ("voice", admin.AllValuesFieldListFilter), "outcome")

    @admin.display(description="How it came", ordering="outcome")
    def came(self, row: Usage) -> str:
        return OUTCOMES.get(row.outcome, row.outcome)

    @admin.display(description="Of these made ahead", ordering="warmed_hits")
    def ahead(self, row: Usage) -> str:
        return str(row.warmed_hits or "")

    @admin.display(description="Sent", ordering="audio_bytes")
    def sent(self, row: Usage) -> str:
        return filesizeformat(row.audio_bytes)

    @admin.display(description="Worth", ordering="worth_microusd")
    def worth(self, row: Usage) -> str:
        return dollars(row.worth_microusd)


@admin.register(SoundStart)
class SoundStartAdmin(WaitingAdmin):
    list_display = ("began", "kind", "voice", "waited", "starts")
    list_before_template = "admin/clips/time_to_sound_note.html"
    list_filter = ("content_type", ("voice", admin.AllValuesFieldListFilter))


@admin.register(Spending)
class SpendingAdmin(FiguresAdmin):
    list_display = ("began", "kind", "voice", "model", "ended", "calls", "characters", "cost")
    list_before_template = "admin/clips/budget_note.html"
    list_filter = ("content_type", ("voice", admin.AllValuesFieldListFilter), "outcome")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(request, {**(extra_context or {}), "budget": budget_today()})

    @admin.display(description="Result", ordering="outcome")
    def ended(self, row: Spending) -> str:
        return "Made" if row.outcome == "ok" else row.outcome.replace("_", " ").capitalize()

    @admin.display(description="Cost", ordering="cost_microusd")
    def cost(self, row: Spending) -> str:
        return dollars(row.cost_microusd)


@admin.register(Alert)
class AlertAdmin(LookOnly):
    """Trouble, open and over; the system notes both by itself."""

    list_display = ("what", "standing", "says", "began", "ended", "mailed")
    list_display_links = None
    list_filter = ("kind", OpenFilter)
    list_before_template = "admin/clips/alert_note.html"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        told = {"recipients": settings.ALERT_EMAILS}
        return super().changelist_view(request, {**(extra_context or {}), **told})

    @admin.display(description="What", ordering="kind")
    def what(self, alert: Alert) -> str:
        return alert.get_kind_display()

    @admin.display(description="State", ordering="over_at")
    def standing(self, alert: Alert) -> SafeString:
        if alert.over_at is not None:
            return ALERT_OVER.html
        return (ALERT_OPEN if alert.due_at <= timezone.now() else ALERT_WATCHED).html

    @admin.display(description="Since", ordering="since")
    def began(self, alert: Alert) -> str:
        return moment(alert.since)

    @admin.display(description="Over", ordering="over_at")
    def ended(self, alert: Alert) -> str:
        return moment(alert.over_at)

    @admin.display(description="Staff told", ordering="mailed_at")
    def mailed(self, alert: Alert) -> str:
        return moment(alert.mailed_at)


# --- API tokens ------------------------------------------------------------------------------------------
@admin.register(ApiToken)
class ApiTokenAdmin(StaffAdmin):
    """Tokens are made with `manage.py api_token`, which shows them once; here they are withdrawn."""

    list_display = ("name", "is_admin", "created_at")
    search_fields = ("name",)
    fields = ("name", "is_admin", "created_at")
    list_before_template = "admin/clips/token_note.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
