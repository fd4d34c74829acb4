"""The reflection bank for staff: the list of reflections that people wrote, and the page of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.views import ChangeList

from narratives import publishing
from narratives.admin.permissions import has_publish_right
from narratives.admin.publishing import shares_of
from narratives.admin.themes import BankReflectionForm
from narratives.models import BankReflection
from narratives.staff.clip_status import ClipStatus, clips_and_badges, takes_of_failed
from ttscache import warming
from ttscache.models import Clip
from ttscache.reports.most_heard import shareable_reflections
from ttscache.staff.badges import NOT_MADE
from ttscache.staff.pages import StaffAdmin
from ttscache.staff.wording import being_made_in_words

SAID_AND_WHEN = ("text", "theme", "occasion", "after_heavy", "is_cheerful")


def add_bank_clip_statuses(given: Iterable[BankReflection]) -> None:
    """Set `clip_statuses` on each reflection, one per listener voice, with two queries for all."""
    reflections = list(given)
    wanted = publishing.bank_clips(reflections)
    clips, badges = clips_and_badges(each.speech.content_hash for each in wanted)
    takes = takes_of_failed(clips, badges)
    for place, reflection in enumerate(reflections):
        # bank_clips lists all reflections voice by voice.
        own = wanted[place :: len(reflections)]
        reflection.clip_statuses = [  # type: ignore[attr-defined]
            ClipStatus(
                each.speech.voice,
                badges.get(each.speech.content_hash, NOT_MADE),
                clip,
                reflection.text[:60],
                refused=takes.get(clip.pk) if clip is not None else None,
            )
            for each in own
            for clip in [clips.get(each.speech.content_hash)]
        ]


class BankList(ChangeList):  # type: ignore[misc]
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        add_bank_clip_statuses(self.result_list)


@admin.register(BankReflection)
class BankReflectionAdmin(StaffAdmin):
    form = BankReflectionForm
    change_form_before_template = "admin/narratives/seen_fields.html"
    list_display = ("text", "theme", "occasion", "after_heavy", "is_cheerful", "is_active", "sound")
    list_filter = ("is_active", "occasion", "after_heavy", "is_cheerful", "theme")
    search_fields = ("text",)
    fields = ("text", ("theme", "occasion"), ("after_heavy", "is_cheerful"), "is_active", "sound")
    readonly_fields = ("sound",)
    actions = ("make_chosen",)
    list_before_template = "admin/narratives/bank_note.html"

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[BankList]:
        return BankList

    @admin.display(description="Audio")
    def sound(self, reflection: BankReflection) -> SafeString | str:
        if reflection.pk is None:
            return "Save first, then listen."
        if not hasattr(reflection, "clip_statuses"):
            add_bank_clip_statuses([reflection])
        statuses = reflection.clip_statuses  # type: ignore[attr-defined]
        context = {"narrative": reflection, "clip_statuses": statuses}
        return render_to_string("admin/narratives/clip_statuses.html", context)

    # --- rights: only people who can publish change what listeners can hear ------------------------------
    def has_publish_permission(self, request: HttpRequest) -> bool:
        return has_publish_right(request)

    def get_readonly_fields(self, request: HttpRequest, obj: BankReflection | None = None) -> tuple[str, ...]:
        if self.has_publish_permission(request):
            return self.readonly_fields
        # Listeners may hear a reflection in use, so an editor may change only unused ones.
        is_heard = obj is not None and obj.is_active
        return (*self.readonly_fields, "is_active", *(SAID_AND_WHEN if is_heard else ()))

    def has_delete_permission(self, request: HttpRequest, obj: BankReflection | None = None) -> bool:
        may: bool = super().has_delete_permission(request, obj)
        return may and ((obj is not None and not obj.is_active) or self.has_publish_permission(request))

    # --- adding a reflection of the model that listeners hear often --------------------------------------
    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        clip = _heard_clip(request)
        known = BankReflection.objects.with_words(clip.content_text) if clip is not None else None
        # The link may be old: somebody may have added these words since.
        if known is not None:
            self.message_user(request, "The bank already has this reflection.", messages.INFO)
            return redirect("admin:narratives_bankreflection_change", known.pk)
        if clip is not None and request.method == "GET":
            says = "Listeners hear this often. Edit it until it suits any answer, then save."
            self.message_user(request, says, messages.INFO)
        return super().add_view(request, form_url, extra_context)  # type: ignore[no-any-return]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        clip = _heard_clip(request)
        return {"text": clip.content_text} if clip is not None else {}

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        # The log names the clip by its key and keeps none of its words.
        clip = _heard_clip(request)
        said = message if clip is None else f"Added from the most heard reflections: clip {clip.pk}."
        return super().log_addition(request, obj, said)

    # --- saving: the clips of a reflection in use are made ahead, like those of published texts ----------
    def save_model(self, request: HttpRequest, obj: BankReflection, form: Any, change: bool) -> None:
        publishing.lock_publishing()
        obj.edited_at = timezone.now()
        # A new reflection stays unused until somebody who can publish puts it in use.
        if not change and not self.has_publish_permission(request):
            obj.is_active = False
        super().save_model(request, obj, form, change)
        publishing.sync_pins()

    def response_add(self, request: HttpRequest, obj: BankReflection, *args: Any, **options: Any) -> Any:
        return self._make_if_in_use(request, obj) or super().response_add(request, obj, *args, **options)

    def response_change(self, request: HttpRequest, obj: BankReflection) -> Any:
        return self._make_if_in_use(request, obj) or super().response_change(request, obj)

    def _make_if_in_use(self, request: HttpRequest, obj: BankReflection) -> HttpResponse | None:
        """Make its missing clips if that is free; else return the page that asks about the price."""
        if not obj.is_active or not self.has_make_permission(request):
            return None
        planned = warming.plan(publishing.bank_clips([obj]))
        return self._make_or_ask(request, [obj], planned) if planned.missing else None

    def delete_model(self, request: HttpRequest, obj: BankReflection) -> None:
        super().delete_model(request, obj)
        publishing.sync_pins()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[BankReflection]) -> None:
        super().delete_queryset(request, queryset)
        publishing.sync_pins()

    # --- making ------------------------------------------------------------------------------------------
    @admin.action(description="Make missing clips", permissions=["make"])
    def make_chosen(self, request: HttpRequest, queryset: QuerySet[BankReflection]) -> HttpResponse | None:
        """Make clips of the chosen reflections; if that costs money, ask first."""
        chosen = list(queryset)
        return self._make_or_ask(request, chosen, warming.plan(publishing.bank_clips(chosen)))

    def _make_or_ask(
        self, request: HttpRequest, chosen: Sequence[BankReflection], planned: warming.Plan
    ) -> HttpResponse | None:
        def make() -> None:
            publishing.make_bank(chosen, requested_by=request.user.get_username())
            wanted = [(reflection, publishing.bank_clips([reflection])) for reflection in chosen]
            for reflection, share in shares_of(planned, wanted):
                if share.missing:
                    self.log_change(request, reflection, f"Made missing clips. {being_made_in_words(share)}")

        bank = reverse("admin:narratives_bankreflection_changelist")
        chosen_keys = [(ACTION_CHECKBOX_NAME, reflection.pk) for reflection in chosen]
        question = {"action": bank, "hidden": [("action", "make_chosen"), *chosen_keys], "back": bank}
        return self.make_or_ask(request, planned, make, asks=planned.cost_usd > 0, **question)


def _heard_clip(request: HttpRequest) -> Clip | None:
    """The clip that the address names; None unless it may be shown to this person."""
    try:
        named = UUID(request.GET.get("clip", ""))
    except ValueError:
        return None
    if not request.user.has_perm("ttscache.view_clip"):
        return None
    return shareable_reflections().filter(pk=named).first()
