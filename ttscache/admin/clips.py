"""Clips for staff: every text on record, and how it sounds."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat, truncatechars
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.views import ChangeList

from ttscache.admin.clip_filters import HeardFilter, MadeFilter, PublishedFilter, UnheardFilter
from ttscache.admin.dashboard.actions import DashboardPages
from ttscache.models import Clip, Pin
from ttscache.staff.badges import Badge, badges_of
from ttscache.staff.clip_widgets import length, player, waveform
from ttscache.staff.pages import ReadOnlyAdmin, column
from ttscache.staff.wording import moment


class ClipList(ChangeList):  # type: ignore[misc]
    """Looks up how the clips of a page stand, all at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        badges = badges_of(self.result_list)
        for clip in self.result_list:
            clip.badge = badges[clip.content_hash]


@admin.register(Clip)
class ClipAdmin(DashboardPages, ReadOnlyAdmin):
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
    list_before_template = "ttscache/admin/private_note.html"
    fieldsets = (
        (None, {"fields": ("content_text", "hear", "shape", "kind", "lasts", "size", "made", "asked_for")}),
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
        return super().get_queryset(request).not_private().defer("waveform")  # type: ignore[no-any-return]

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

    lasts = column("Length", "duration_ms", length)
    size = column("Size", "audio_file_size", lambda size: filesizeformat(size) if size else "")
    made = column("Made", "stored_at", moment)
    asked_for = column("Last asked for", "last_accessed_at", moment)

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
