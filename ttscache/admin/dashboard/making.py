"""Makes clips from the dashboard: missing published ones, failed ones, and last takes."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import cast

from django.contrib import messages
from django.contrib.admin.sites import site
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.formats import date_format

from ttscache import warming
from ttscache.models import Clip, WarmItem, WarmRun
from ttscache.renditions.retirement import shutdown_date
from ttscache.reports.background_work import clips_to_try_again
from ttscache.reports.scope import Scope
from ttscache.reports.storage import missing_clips
from ttscache.staff.pages import StaffAdmin, is_confirmed
from ttscache.staff.wording import being_made_in_words
from ttscache.warming import ClipSpec, Plan
from ttscache.warming.last_takes import LastTakes, find_last_takes, make_last_takes, retiring_models
from ttscache.warming.time_estimate import seconds_to_make

Begin = Callable[[], Iterable[tuple[WarmRun, list[Clip]]]]


def make_missing_page(request: HttpRequest) -> HttpResponse:
    """Make the missing published clips of one voice or of all, after a page with the price."""
    voice = Scope.from_query(request.GET.dict()).voice
    clips = list(missing_clips(voice).defer("waveform"))
    requested_by = request.user.get_username()

    def begin() -> Iterator[tuple[WarmRun, list[Clip]]]:
        scope = f"published clips, {voice or 'all voices'}"
        yield warming.start_run(scope, _wanted(clips), requested_by=requested_by), clips

    return _page(request, clips, begin, title="Make missing published clips", verb="Make them")


def retry_page(request: HttpRequest) -> HttpResponse:
    """Try failed clips again, after a page with the price. Each goes into a run of the scope it failed in."""
    clips = list(clips_to_try_again().defer("waveform"))
    requested_by = request.user.get_username()

    def begin() -> Iterator[tuple[WarmRun, list[Clip]]]:
        failed = WarmItem.objects.filter(clip__in=clips, state=WarmItem.State.FAILED)
        # A clip's latest failure comes last, so it is the one that the dictionary keeps.
        items = failed.order_by("finished_at").values_list("clip", "run__scope", "run__name")
        last = {clip: (scope, name) for clip, scope, name in items}
        by_run: defaultdict[tuple[str, str], list[Clip]] = defaultdict(list)
        for clip in clips:
            by_run[last[clip.pk]].append(clip)
        for (scope, name), those in by_run.items():
            yield warming.start_run(scope, _wanted(those), name=name, requested_by=requested_by), those

    return _page(request, clips, begin, title="Try failed clips again", verb="Try again")


def last_takes_page(request: HttpRequest) -> HttpResponse:
    """Make all clips a voice may need before its model is switched off, after a page with price and time."""
    if not request.user.has_perm("ttscache.make_clip"):
        raise PermissionDenied
    models = retiring_models()
    if not models:
        messages.info(request, "No listener voice is about to be switched off.")
        return redirect("admin:index")
    takes = find_last_takes()
    if not takes.planned.missing:
        messages.success(request, "All last takes are ready; there is nothing to make.")
        return redirect("admin:index")
    if not is_confirmed(request, takes.planned):
        asking = cast(StaffAdmin, site.get_model_admin(Clip))
        question = {"title": "Last takes", "verb": "Make them", "back": reverse("admin:index")}
        return asking.ask_to_make(request, takes.planned, more=_why_and_how_long(models, takes), **question)
    said = being_made_in_words(takes.planned)
    for run in make_last_takes(takes, requested_by=request.user.get_username()):
        site.get_model_admin(WarmRun).log_change(request, run, f"Last takes. {said}")
    messages.success(request, said)
    return redirect("admin:index")


def _why_and_how_long(models: Iterable[str], takes: LastTakes) -> str:
    days = {model: day for model in models if (day := shutdown_date(model)) is not None}
    ends = ", ".join(f"{model} on {date_format(day, 'j M Y')}" for model, day in days.items())
    minutes = math.ceil(seconds_to_make(len(takes.planned.missing)) / 60)
    return (
        f"This takes about {minutes} min. The voice service switches off {ends}; after that, these clips "
        "cannot be made. They are published texts, texts that wait to be published, drafts, system clips, "
        "the reflection bank and reflections fit for others, in every listener voice."
    )


def _page(request: HttpRequest, clips: list[Clip], begin: Begin, *, title: str, verb: str) -> HttpResponse:
    if not request.user.has_perm("ttscache.make_clip"):
        raise PermissionDenied

    def make() -> None:
        for run, share in begin():
            said = f"{title}. {being_made_in_words(Plan(tuple(share)))}"
            site.get_model_admin(WarmRun).log_change(request, run, said)

    pages = cast(StaffAdmin, site.get_model_admin(Clip))
    question = {"title": title, "verb": verb, "back": reverse("admin:index")}
    return pages.make_after_a_yes(request, Plan(tuple(clips)), make, **question)


def _wanted(clips: Iterable[Clip]) -> list[ClipSpec]:
    return [ClipSpec(clip.request, clip.content_type) for clip in clips]
