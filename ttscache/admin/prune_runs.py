"""The list of clean-ups (prune runs): how much each removed, and a way to stop one."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.decorators import action

from ttscache.maintenance import pruning
from ttscache.models import PruneRun
from ttscache.staff.badges import PRUNE_BADGES
from ttscache.staff.clip_widgets import fresh, progress_bar
from ttscache.staff.pages import ReadOnlyAdmin, column, is_confirmed
from ttscache.staff.wording import dollars, moment


@admin.register(PruneRun)
class PruneRunAdmin(ReadOnlyAdmin):
    """Each clean-up: the unused clips it removed, and the price of making them again."""

    list_display = ("began", "standing", "progress", "freed", "cost", "kept", "age", "requested_by", "ended")
    list_filter = ("state",)
    list_before_template = "ttscache/admin/prune_note.html"
    fields = list_display
    actions = ("stop",)
    actions_detail = ("stop_this",)

    def has_prune_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("ttscache.prune_clip")

    # actions
    @admin.action(description="Stop", permissions=["prune"])
    def stop(self, request: HttpRequest, runs: QuerySet[PruneRun]) -> None:
        stopped = [run for run in runs if pruning.stop_prune(run)]
        for run in stopped:
            self.log_change(request, run, "Stopped.")
        if stopped:
            self.message_user(request, "Stopped. Clips that were removed are gone; all others stay.")
        else:
            self.message_user(request, "It had already ended.", messages.WARNING)

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        run = self.get_object(request, object_id)
        is_under_way = run is not None and run.state == PruneRun.State.RUNNING
        return super().get_actions_detail(request, object_id) if is_under_way else []

    @action(  # type: ignore[untyped-decorator]
        description="Stop",
        url_path="stop",
        permissions=["prune"],
        icon="stop_circle",
        attrs={"data-while-under-way": ""},  # staff.js hides the button once the run has ended
    )
    def stop_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        run = self.get_or_404(request, object_id)
        page = reverse("admin:ttscache_prunerun_change", args=[run.pk])
        if not is_confirmed(request):
            summary = "Clips that were removed are gone; all others stay."
            return self.ask(request, title=f"Stop: {run}", verb="Stop", summary=summary, back=page)
        self.stop(request, PruneRun.objects.filter(pk=run.pk))
        return redirect(page)

    # columns; staff.js refreshes those in `fresh` while the run is under way
    began = column("Began", "started_at", moment)
    kept = column("Old but still in use", "kept_back", lambda number: str(number or ""))

    @admin.display(description="State", ordering="state")
    def standing(self, run: PruneRun) -> SafeString:
        return fresh(f"state-{run.pk}", PRUNE_BADGES[PruneRun.State(run.state)].html)

    @admin.display(description="Clips removed", ordering="removed")
    def progress(self, run: PruneRun) -> SafeString:
        return fresh(f"removed-{run.pk}", progress_bar(run.removed, run.listed, "Clips removed"))

    @admin.display(description="Space freed", ordering="freed_bytes")
    def freed(self, run: PruneRun) -> SafeString:
        return fresh(f"freed-{run.pk}", filesizeformat(run.freed_bytes))

    @admin.display(description="Price to make again", ordering="remake_cost_microusd")
    def cost(self, run: PruneRun) -> SafeString:
        cost = "" if run.is_of_irreplaceable else dollars(run.remake_cost_microusd)
        return fresh(f"cost-{run.pk}", cost)

    @admin.display(description="Not asked for in", ordering="days")
    def age(self, run: PruneRun) -> str:
        return "Cannot be made again" if run.is_of_irreplaceable else f"{run.days} days"

    @admin.display(description="Ended", ordering="finished_at")
    def ended(self, run: PruneRun) -> SafeString:
        return fresh(f"ended-{run.pk}", moment(run.finished_at))
