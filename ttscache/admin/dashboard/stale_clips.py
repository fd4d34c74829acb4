"""Removing what nobody asks for: first the list, and then exactly that list."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.contrib.admin.sites import site
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import reverse

from ttscache.conf import conf
from ttscache.coordination.hosts import hosts_at_work
from ttscache.maintenance import pruning
from ttscache.models import Clip, PruneRun
from ttscache.reports.storage import irreplaceable
from ttscache.staff.wording import price

MOST_CLIPS_SHOWN = 200


def stale_page(request: HttpRequest) -> HttpResponse:
    """GET: a dry run, which touches no clip and plans a prune of what it lists. POST: confirm that plan."""
    if not request.user.has_perm("ttscache.prune_clip"):
        raise PermissionDenied
    return _confirm(request) if request.method == "POST" else _plan(request)


def _plan(request: HttpRequest) -> HttpResponse:
    """Show the list, and keep it as a planned run: the form would be megabytes if it carried the hashes."""
    days = _days(request.GET.get("days"))
    stale = pruning.find_stale(days)
    plan = pruning.plan_prune(stale, days, requested_by=request.user.get_username())
    listed = Clip.objects.filter(content_hash__in=stale.content_hashes[:MOST_CLIPS_SHOWN]).defer("waveform")
    shown = list(listed.not_private().order_by("last_accessed_at"))
    context = site.each_context(request) | {
        "title": "Clips that nobody asks for",
        "plan": plan,
        "price": _price_of(plan),
        "irreplaceable": irreplaceable(),
        "shown": shown,
        "not_shown": plan.listed - len(shown),
        "back": reverse("admin:index"),
    }
    return TemplateResponse(request, "ttscache/dashboard/stale_clips.html", context)


def _confirm(request: HttpRequest) -> HttpResponse:
    """Have exactly the clips of the plan removed in the background, but for those asked for meanwhile."""
    try:
        run_id = uuid.UUID(request.POST.get("run", ""))
    except ValueError as error:
        raise BadRequest("run is the id of a planned prune") from error
    run = pruning.confirm_prune(run_id, requested_by=request.user.get_username())
    if run is None:
        messages.warning(request, "That list is no longer there. This is how it is now; nothing was removed.")
        return redirect("admin:ttscache_clip_stale")
    clips = "1 clip is" if run.listed == 1 else f"{run.listed:,} clips are"
    said = f"{clips} being removed: {filesizeformat(run.listed_bytes)}, to make again {_price_of(run)}."
    site.get_model_admin(PruneRun).log_change(request, run, said)
    messages.success(request, f"{said} Clips that somebody asks for in the meantime stay.")
    if not hosts_at_work():
        messages.warning(request, "No background process is up just now. They are removed once one is.")
    if request.user.has_perm("ttscache.view_prunerun"):
        return redirect("admin:ttscache_prunerun_change", run.pk)
    return redirect("admin:index")


def _price_of(run: PruneRun) -> str:
    return price(run.listed_cost_microusd / 1e6)


def _days(given: str | None) -> int:
    try:
        days = int(given) if given else conf().stale_days
    except ValueError:
        days = 0
    if not 1 <= days <= pruning.MOST_DAYS:
        raise BadRequest("days is a whole number from 1")
    return days
