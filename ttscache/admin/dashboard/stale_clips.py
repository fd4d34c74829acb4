"""Removes unused clips: a dry run shows a list, and confirming it removes exactly that list."""

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
    """GET shows a dry run and stores its list as a planned prune. POST confirms that plan."""
    if not request.user.has_perm("ttscache.prune_clip"):
        raise PermissionDenied
    return _confirm(request) if request.method == "POST" else _plan(request)


def _plan(request: HttpRequest) -> HttpResponse:
    """Show the list and store it as a planned run: a form that carries all hashes would be megabytes."""
    days = _days(request.GET.get("days"))
    stale = pruning.find_stale(days)
    plan = pruning.plan_prune(stale, days, requested_by=request.user.get_username())
    # The plan has the hashes of all clips; the page shows only texts that staff may read.
    listed = Clip.objects.filter(content_hash__in=stale.content_hashes[:MOST_CLIPS_SHOWN]).defer("waveform")
    shown = list(listed.not_private().order_by("last_accessed_at"))
    context = site.each_context(request) | {
        "title": "Unused clips",
        "plan": plan,
        "price": _price_of(plan),
        "irreplaceable": irreplaceable(),
        "shown": shown,
        "not_shown": plan.listed - len(shown),
        "back": reverse("admin:index"),
    }
    return TemplateResponse(request, "ttscache/dashboard/stale_clips.html", context)


def _confirm(request: HttpRequest) -> HttpResponse:
    """Remove the clips of the plan in the background. Clips that are requested meanwhile stay."""
    try:
        run_id = uuid.UUID(request.POST.get("run", ""))
    except ValueError as error:
        raise BadRequest("run must be the id of a planned prune") from error
    run = pruning.confirm_prune(run_id, requested_by=request.user.get_username())
    if run is None:
        messages.warning(request, "That list is no longer valid; nothing was removed. Here is a new list.")
        return redirect("admin:ttscache_clip_stale")
    clips = "1 clip is" if run.listed == 1 else f"{run.listed:,} clips are"
    said = f"{clips} being removed: {filesizeformat(run.listed_bytes)}, {_price_of(run)} to make again."
    site.get_model_admin(PruneRun).log_change(request, run, said)
    messages.success(request, f"{said} Clips that are requested in the meantime stay.")
    if not hosts_at_work():
        messages.warning(request, "No background process is running. The clips are removed once one is.")
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
        raise BadRequest("days must be a whole number from 1")
    return days
