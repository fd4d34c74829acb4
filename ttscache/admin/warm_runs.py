"""The list of audio jobs (warm runs): live progress, pause, resume, cancel, try again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Model, Q, QuerySet
from django.forms import Script
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.decorators import action
from unfold.enums import ActionVariant

from ttscache import warming
from ttscache.models import WarmItem, WarmRun
from ttscache.staff.badges import ITEM_BADGES, RUN_BADGES
from ttscache.staff.clip_widgets import fresh, player
from ttscache.staff.pages import ReadOnlyAdmin, column, is_confirmed
from ttscache.staff.wording import in_words, listed, moment, words_of
from ttscache.warming import Plan
from ttscache.warming.progress import progress_of


# --- the clips of a run ----------------------------------------------------------------------------------
class WarmItemInline(TabularInline):  # type: ignore[misc]
    model = WarmItem
    fields = readonly_fields = ("says", "sound", "standing", "because")
    per_page = 100
    hide_title = True
    can_delete = False
    verbose_name_plural = "clips of this job"

    def get_queryset(self, request: HttpRequest) -> QuerySet[WarmItem]:
        return super().get_queryset(request).select_related("clip").defer("clip__waveform")  # type: ignore[no-any-return]

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("ttscache.view_warmrun")

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @admin.display(description="Text")
    def says(self, item: WarmItem) -> str:
        return words_of(item.clip, 90)

    @admin.display(description="Sound")
    def sound(self, item: WarmItem) -> SafeString:
        heard = player(item.clip, voice=item.clip.voice, says=words_of(item.clip, 60))
        return fresh(f"sound-{item.pk}", heard)

    @admin.display(description="State")
    def standing(self, item: WarmItem) -> SafeString:
        return fresh(f"state-{item.pk}", ITEM_BADGES[WarmItem.State(item.state)].html)

    @admin.display(description="Reason")
    def because(self, item: WarmItem) -> SafeString:
        return fresh(f"reason-{item.pk}", item.reason)


# --- runs ------------------------------------------------------------------------------------------------
ACTIONS = ("pause", "resume", "cancel", "try_again")


def actions_for(run: WarmRun) -> set[str]:
    is_active = run.state in WarmRun.ACTIVE
    sense = {
        "pause": is_active and run.paused_because != WarmRun.Pause.STAFF,
        "resume": run.state == WarmRun.State.PAUSED,
        "cancel": is_active,
        "try_again": run.items.filter(state=WarmItem.State.FAILED).exists(),
    }
    return {name for name, makes_sense in sense.items() if makes_sense}


def _while(*states: WarmRun.State) -> dict[str, str]:
    """Attributes by which runs.js hides the button once the run is in another state."""
    return {"data-while": " ".join(states)}


@admin.register(WarmRun)
class WarmRunAdmin(ReadOnlyAdmin):
    list_display = ("makes", "standing", "progress", "failures", "requested_by", "requested", "ended")
    list_filter = ("state",)
    search_fields = ("name", "scope", "requested_by")
    fields = ("makes", "standing", "progress", "counts", "requested_by", "requested", "began", "ended")
    readonly_fields = fields
    inlines = (WarmItemInline,)
    actions_detail = ACTIONS
    list_before_template = change_form_outer_before_template = "ttscache/admin/warm_runs_live.html"

    class Media:
        js = (Script("ttscache/runs.js", type="module"),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[WarmRun]:
        # Count in the query of the list: the columns would otherwise count once a row.
        ready = Q(items__state__in=[WarmItem.State.DONE, WarmItem.State.SKIPPED])
        runs: QuerySet[WarmRun] = super().get_queryset(request)
        return runs.annotate(
            total=Count("items"),
            ready=Count("items", filter=ready),
            failed=Count("items", filter=Q(items__state=WarmItem.State.FAILED)),
        )

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(request, {**_looks(), **(extra_context or {})})

    def page_context(self, request: HttpRequest, object_id: str | None) -> dict[str, Any]:
        return super().page_context(request, object_id) | _looks()

    # columns
    @admin.display(description="State", ordering="state")
    def standing(self, run: WarmRun) -> SafeString:
        badge = RUN_BADGES[WarmRun.State(run.state)].html
        return format_html('<span data-run-state="{}">{} {}</span>', run.pk, badge, run.pause_in_words)

    @admin.display(description="What it makes", ordering="name")
    def makes(self, run: WarmRun) -> str:
        return run.label

    requested = column("Requested", "created_at", moment)
    began = column("Started", "started_at", moment)
    ended = column("Ended", "finished_at", moment)

    @admin.display(description="Progress")
    def progress(self, run: Any) -> SafeString:
        return render_to_string(
            "ttscache/admin/warm_run_progress.html", {"run": run, "is_active": run.state in WarmRun.ACTIVE}
        )

    @admin.display(description="Failed")
    def failures(self, run: Any) -> SafeString:
        return format_html('<span data-run-failed="{}">{}</span>', run.pk, run.failed or "")

    @admin.display(description="Clips")
    def counts(self, run: WarmRun) -> SafeString:
        # runs.js writes the same words when it updates the page.
        words = {"done": "made", "skipped": "already there", "failed": "failed", "cancelled": "cancelled"}
        told = progress_of(run)
        counts = ", ".join(f"{told[name]} {word}" for name, word in words.items() if told[name])
        return format_html('<span data-run-counts="{}">{}</span>', run.pk, counts or "none yet")

    # actions
    def has_steer_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("ttscache.change_warmrun")

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        run = self.get_object(request, object_id)
        sensible = actions_for(run) if run is not None else set()
        offered = super().get_actions_detail(request, object_id)
        return [each for each in offered if each.action_name.removeprefix("ttscache_warmrun_") in sensible]

    @action(  # type: ignore[untyped-decorator]
        description="Pause",
        url_path="pause",
        permissions=["steer"],
        icon="pause",
        attrs=_while(WarmRun.State.QUEUED, WarmRun.State.RUNNING, WarmRun.State.PAUSED),
    )
    def pause(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._do(
            request,
            object_id,
            "pause",
            lambda run: warming.pause(run, WarmRun.Pause.STAFF, by=request.user.get_username()),
            question="No new clip is started until somebody presses Resume. "
            "A clip that is being made now is finished and kept.",
            said="Paused.",
        )

    @action(  # type: ignore[untyped-decorator]
        description="Resume",
        url_path="resume",
        permissions=["steer"],
        icon="play_arrow",
        variant=ActionVariant.PRIMARY,
        attrs=_while(WarmRun.State.PAUSED),
    )
    def resume(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._do(
            request,
            object_id,
            "resume",
            warming.resume,
            concerning=WarmItem.OPEN,
            state="still to be made",
            said="Resumed.",
        )

    @action(  # type: ignore[untyped-decorator]
        description="Try failed clips again",
        url_path="try-again",
        permissions=["make"],
        icon="replay",
    )
    def try_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._do(
            request,
            object_id,
            "try_again",
            lambda run: warming.retry_failed(run, requested_by=request.user.get_username()) is not None,
            concerning=(WarmItem.State.FAILED,),
            state="tried again",
            said="The failed clips are tried again.",
        )

    @action(  # type: ignore[untyped-decorator]
        description="Cancel",
        url_path="cancel",
        permissions=["steer"],
        icon="cancel",
        variant=ActionVariant.DANGER,
        attrs=_while(WarmRun.State.QUEUED, WarmRun.State.RUNNING, WarmRun.State.PAUSED),
    )
    def cancel(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._do(
            request,
            object_id,
            "cancel",
            warming.cancel,
            concerning=WarmItem.OPEN,
            state="given up",
            question="Clips that were made stay. A clip that is being made now is finished and kept. "
            "The hourly schedule starts a new job for published texts: "
            "to stop them for longer, pause this job instead.",
            said="Cancelled.",
        )

    def _do(
        self,
        request: HttpRequest,
        object_id: str,
        name: str,
        operation: Callable[[WarmRun], bool],
        *,
        said: str,
        question: str = "",
        concerning: Sequence[str] = (),
        state: str = "",
    ) -> HttpResponse:
        """Ask first; then do the operation and log who did it.

        The run may have changed since the page was shown, so its state is checked at both steps.
        `concerning` are the states of the clips to list, and `state` says what becomes of them.
        """
        run = self.get_or_404(request, object_id)
        page = reverse("admin:ttscache_warmrun_change", args=[run.pk])
        # List the items before the operation, which changes their states.
        items = list(run.items.filter(state__in=concerning).select_related("clip").defer("clip__waveform"))
        planned = Plan(tuple(item.clip for item in items), remake=any(item.newer_than for item in items))
        if name in actions_for(run) and not is_confirmed(request):
            verb = getattr(self, name).short_description
            summary = f"{in_words(planned, state)} {question}" if concerning else question
            title = f"{verb}: {run.label}"
            return self.ask(
                request, title=title, verb=verb, summary=summary, clips=listed(planned), back=page
            )
        if name in actions_for(run) and operation(run):
            self.log_change(request, run, f"{said} {in_words(planned, state)}" if concerning else said)
            self.message_user(request, said, messages.SUCCESS)
        else:
            run.refresh_from_db()
            word = RUN_BADGES[WarmRun.State(run.state)].word
            self.message_user(request, f"Nothing was changed: the state is now “{word}”.", messages.WARNING)
        return redirect(page)


def _looks() -> dict[str, Any]:
    """Badges and pause reasons, which runs.js swaps in when a run changes its state."""
    return {"run_badges": RUN_BADGES.items(), "run_pauses": WarmRun.Pause.choices}
