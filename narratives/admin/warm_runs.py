"""Add to the list of warm runs a button that makes every missing clip of the published texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.decorators import action

from narratives import publishing
from ttscache import warming
from ttscache.admin.warm_runs import WarmRunAdmin
from ttscache.models import WarmRun
from ttscache.staff.wording import being_made_in_words
from ttscache.warming import Plan

admin.site.unregister(WarmRun)  # ttscache registered a page without the button: it knows no published texts


@admin.register(WarmRun)
class PublishedRunsAdmin(WarmRunAdmin):
    actions_list = ("make_published",)

    @action(  # type: ignore[untyped-decorator]
        description="Make missing clips",
        url_path="make-published",
        permissions=["make"],
        icon="graphic_eq",
    )
    def make_published(self, request: HttpRequest) -> HttpResponse:
        runs = reverse("admin:ttscache_warmrun_changelist")
        planned = warming.plan(publishing.live_journeys_clips())

        def make() -> None:
            begun = publishing.warm_live_journeys(requested_by=request.user.get_username())
            for run, share in shares_of_runs(planned, begun):
                self.log_change(request, run, f"Made missing clips. {being_made_in_words(share)}")

        title = "Make all missing clips of published texts"
        return self.make_after_a_yes(request, planned, make, title=title, back=runs)


def shares_of_runs(planned: Plan, runs: Iterable[WarmRun]) -> Iterator[tuple[WarmRun, Plan]]:
    """Split a plan among runs. The first run with a clip gets it, so none counts twice."""
    missing = {clip.content_hash: clip for clip in planned.missing}
    for run in runs:
        hashes = run.items.values_list("clip__content_hash", flat=True)
        share = Plan(tuple(missing.pop(each) for each in hashes if each in missing))
        if share.missing:
            yield run, share
