"""The list of clips: every text on record, with a player."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db import DatabaseError, transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.defaultfilters import filesizeformat, truncatechars
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import action
from unfold.views import ChangeList

from ttscache.admin.clip_filters import HeardFilter, MadeFilter, PublishedFilter, UnheardFilter
from ttscache.admin.dashboard.actions import DashboardPages
from ttscache.admin.refused_takes import RefusedTakePages
from ttscache.admin.voice_names import VoiceListFilter
from ttscache.connections import why_refused
from ttscache.maintenance.pruning import remove_clip
from ttscache.models import Clip, Pin
from ttscache.renditions import retirement
from ttscache.renditions.irreplaceable import cannot_be_made_again, is_irreplaceable
from ttscache.staff.badges import Badge, badges_of
from ttscache.staff.clip_widgets import length, player, waveform
from ttscache.staff.pages import ReadOnlyAdmin, column, is_confirmed
from ttscache.staff.refused_takes import undecided_takes
from ttscache.staff.wording import moment
from ttscache.wiring import speech_cache


class ClipList(ChangeList):  # type: ignore[misc]
    """Looks up the badges of all clips on a page at once, not with queries for each row."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        badges = badges_of(self.result_list)
        for clip in self.result_list:
            clip.badge = badges[clip.content_hash]


@admin.register(Clip)
class ClipAdmin(DashboardPages, RefusedTakePages, ReadOnlyAdmin):
    """Every text on record, with a player.

    Private clips are left out: a reflection may quote a listener until it is declared shareable.
    """

    list_display = ("says", "sound", "kind", "lasts", "size", "made", "last_requested")
    list_filter = (
        ("voice", VoiceListFilter),
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
        (
            None,
            {
                "fields": (
                    "content_text",
                    "hear",
                    "refused",
                    "shape",
                    "kind",
                    "lasts",
                    "size",
                    "made",
                    "last_requested",
                    "made_again",
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

    actions_detail = ("remove_this",)

    def has_prune_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("ttscache.prune_clip")

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """Offer deletion only for clips that no prune removes; a prune removes the others once unused."""
        clip = self.get_object(request, object_id)
        may_remove = clip is not None and is_irreplaceable(clip)
        return super().get_actions_detail(request, object_id) if may_remove else []

    @action(  # type: ignore[untyped-decorator]
        description="Delete this clip …", url_path="remove", permissions=["prune"], icon="delete"
    )
    def remove_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Delete one irreplaceable clip for good, after a confirmation page."""
        clip = self.get_object(request, object_id)
        if clip is None or not is_irreplaceable(clip):
            raise Http404
        if not is_confirmed(request):
            page = reverse("admin:ttscache_clip_change", args=[clip.pk])
            title = f"Delete clip, {clip.voice}: {truncatechars(clip.content_text, 60)}"
            return self.ask(request, title=title, verb="Delete it", summary=_what_is_lost(clip), back=page)
        # Log first: the log copies the clip's name, which is gone afterwards.
        try:
            with transaction.atomic():  # a refused deletion leaves no entry in the log
                self.log_deletions(request, [clip])
                run = remove_clip(clip, request.user.get_username(), speech_cache())
        except DatabaseError as error:
            if not (reason := why_refused(error)):
                raise
            self.message_user(request, f"Not deleted: {reason}.", messages.ERROR)
            return redirect("admin:ttscache_clip_change", clip.pk)
        if run is not None:
            says = f"Deleted: {filesizeformat(clip.audio_file_size or 0)}."
            self.message_user(request, says, messages.SUCCESS)
        return redirect("admin:ttscache_clip_changelist")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Clip]:
        # Only the page of one clip draws its waveform, so a list does not load hundreds of them.
        listed = super().get_queryset(request).not_private().with_last_request()
        return listed.defer("waveform")  # type: ignore[no-any-return]

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
    last_requested = column("Last requested", "last_requested_at", moment)

    @admin.display(description="Make again")
    def made_again(self, clip: Clip) -> str:
        if not is_irreplaceable(clip):
            return "Possible"
        if cannot_be_made_again(clip):
            return (
                "Cannot be made again: its voice model has been switched off. "
                "It is never removed automatically."
            )
        day = retirement.shutdown_date(clip.model)
        if day is None:
            return "Impossible here: another voice service made it. It is never removed automatically."
        until = date_format(day, "j M Y")
        return (
            f"Possible until its voice model is switched off on {until}. It is never removed automatically."
        )

    @admin.display(description="Sound")
    def hear(self, clip: Clip) -> SafeString:
        badge = badges_of([clip])[clip.content_hash]
        says = truncatechars(clip.content_text, 60)
        heard = player(clip, voice=clip.voice, says=says, template="controls") + badge.html
        why = badge.held_up or badge.note
        return format_html('{} <span class="clip-reason">{}</span>', heard, why) if why else heard

    def get_fieldsets(self, request: HttpRequest, obj: Clip | None = None) -> Any:
        """Show the refused take only where there is one."""
        if obj is not None and undecided_takes([obj]):
            return self.fieldsets
        (name, first), *rest = self.fieldsets
        return ((name, {"fields": tuple(each for each in first["fields"] if each != "refused")}), *rest)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        found = super().get_object(request, object_id, from_field)
        if found is not None:
            found.may_make = self.has_make_permission(request)  # shows the links to decide
        return found

    @admin.display(description="Refused recording")
    def refused(self, clip: Clip) -> SafeString | str:
        take = undecided_takes([clip]).get(clip.pk)
        if take is None:
            return ""
        may = getattr(clip, "may_make", False)
        shown = {"take": take, "says": truncatechars(clip.content_text, 60), "is_explained": True}
        context = {**shown, "may_use": may, "may_make_again": may}
        return render_to_string("ttscache/staff/refused_take.html", context)

    @admin.display(description="Shape")
    def shape(self, clip: Clip) -> SafeString | str:
        return waveform(clip) if clip.is_ready and clip.waveform else ""

    @admin.display(description="In use as")
    def held_because(self, clip: Clip) -> SafeString:
        pins = Pin.objects.in_force().filter(content_hash=clip.content_hash)
        return format_html_join(", ", "{}", ((pin.get_reason_display(),) for pin in pins))


def _what_is_lost(clip: Clip) -> str:
    if cannot_be_made_again(clip):
        says = "It cannot be made again: its voice model has been switched off."
    else:
        says = "It cannot be made again once its voice model is switched off."
    pins = Pin.objects.in_force().filter(content_hash=clip.content_hash)
    is_held = f" It is in use: {', '.join(pin.get_reason_display().lower() for pin in pins)}." if pins else ""
    return f"This deletes the clip for good, everywhere. {says}{is_held}"
