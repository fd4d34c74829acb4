"""Prunes for staff: what was removed, what it would cost to make again, and a way to stop one."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.safestring import SafeString

from ttscache import pruning
from ttscache.admin_pages import LookOnly
from ttscache.admin_widgets import PRUNE_BADGES, dollars, moment, progress_bar
from ttscache.models import PruneRun


@admin.register(PruneRun)
class PruneRunAdmin(LookOnly):
    """When clips were removed that nobody asked for any more, and what it would cost to make them again."""

    list_display = ("began", "standing", "progress", "freed", "cost", "kept", "age", "asked_by", "ended")
    list_filter = ("state",)
    list_before_template = "admin/clips/prune_note.html"
    fields = list_display
    actions = ("stop",)

    def has_prune_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("ttscache.prune_clip")

    @admin.action(description="Stop", permissions=["prune"])
    def stop(self, request: HttpRequest, runs: QuerySet[PruneRun]) -> None:
        stopped = [run for run in runs if pruning.stop(run)]
        for run in stopped:
            self.log_change(request, run, "Stopped.")
        if stopped:
            self.message_user(request, "Stopped. What is removed already is gone; all other clips stay.")
        else:
            self.message_user(request, "It had ended already.", messages.WARNING)

    @admin.display(description="Began", ordering="started_at")
    def began(self, run: PruneRun) -> str:
        return moment(run.started_at)

    @admin.display(description="State", ordering="state")
    def standing(self, run: PruneRun) -> SafeString:
        return PRUNE_BADGES[PruneRun.State(run.state)].html

    @admin.display(description="Clips removed", ordering="removed")
    def progress(self, run: PruneRun) -> SafeString:
        return progress_bar(run.removed, run.listed)

    @admin.display(description="Space freed", ordering="freed_bytes")
    def freed(self, run: PruneRun) -> str:
        return filesizeformat(run.freed_bytes)

    @admin.display(description="To make them again", ordering="remake_cost_microusd")
    def cost(self, run: PruneRun) -> str:
        return dollars(run.remake_cost_microusd)

    @admin.display(description="As old, kept for a text", ordering="kept_back")
    def kept(self, run: PruneRun) -> str:
        return str(run.kept_back or "")

    @admin.display(description="Not asked for in", ordering="days")
    def age(self, run: PruneRun) -> str:
        return f"{run.days} days"

    @admin.display(description="Ended", ordering="finished_at")
    def ended(self, run: PruneRun) -> str:
        return moment(run.finished_at)
