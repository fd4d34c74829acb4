"""What staff can have made from the list of warm runs: all that is published and not there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.decorators import action

from narratives import publishing
from ttscache import warming
from ttscache.admin_pages import has_said_yes
from ttscache.admin_runs import WarmRunAdmin
from ttscache.admin_widgets import in_words
from ttscache.models import WarmRun
from ttscache.warming import Plan

admin.site.unregister(WarmRun)  # ttscache knows of nothing that could be published


@admin.register(WarmRun)
class PublishedRunsAdmin(WarmRunAdmin):
    actions_list = ("make_published",)

    @action(  # type: ignore[untyped-decorator]
        description="Make what is missing",
        url_path="make-published",
        permissions=["make"],
        icon="graphic_eq",
    )
    def make_published(self, request: HttpRequest) -> HttpResponse:
        runs = reverse("admin:ttscache_warmrun_changelist")
        planned = warming.plan(publishing.live_clips())
        if not planned.missing:
            self.say_nothing_missing(request)
        elif not has_said_yes(request, planned):
            return self.ask_to_make(
                request, planned, title="Make what is missing of all that is published", back=runs
            )
        else:
            begun = publishing.warm_live_journeys(asked_by=request.user.get_username())
            for run, share in shares_of(planned, begun):
                self.log_change(request, run, f"Missing clips asked for. {in_words(share, 'being made')}")
            self.say_being_made(request, planned)
        return redirect(runs)


def shares_of(planned: Plan, runs: Iterable[WarmRun]) -> Iterator[tuple[WarmRun, Plan]]:
    """Each run that makes something of a plan, with what; what several would make is counted once."""
    missing = {clip.content_hash: clip for clip in planned.missing}
    for run in runs:
        hashes = run.items.values_list("clip__content_hash", flat=True)
        share = Plan(tuple(missing.pop(each) for each in hashes if each in missing))
        if share.missing:
            yield run, share
