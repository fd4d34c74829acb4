"""The dashboard's actions: download the figures, make a reflection in another voice, hide one."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.contrib.admin.sites import site
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from ttscache import csv_cells, warming
from ttscache.admin.dashboard.making import last_takes_page, make_missing_page, retry_page
from ttscache.admin.dashboard.stale_clips import stale_page
from ttscache.conf import conf
from ttscache.models import Clip, ContentType
from ttscache.renditions.current import request_for
from ttscache.reports.csv_export import HEADINGS, lines
from ttscache.reports.most_heard import shareable_reflections
from ttscache.reports.report import report
from ttscache.reports.scope import Scope
from ttscache.staff.pages import StaffAdmin, is_confirmed
from ttscache.staff.wording import being_made_in_words, in_words


@require_GET
def dashboard_csv(request: HttpRequest) -> HttpResponse:
    """The figures of the page as CSV, one a line. Texts are left out unless the user may see clips."""
    if not request.user.has_perm("ttscache.view_usage"):
        raise PermissionDenied
    scope = Scope.from_query(request.GET.dict())
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    demo = "demo-data-" if conf().has_demo_data else ""
    name = f"sound-{demo}{scope.range.name}-{timezone.now():%Y-%m-%d}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    shows_texts = request.user.has_perm("ttscache.view_clip")
    csv_cells.write_rows(response, [HEADINGS, *lines(report(scope), shows_texts=shows_texts)])
    return response


class DashboardPages:
    """Adds the addresses of the dashboard's actions to those of the clips' pages."""

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("figures.csv", site.admin_view(dashboard_csv), name="ttscache_dashboard_csv"),
            path("stale/", site.admin_view(stale_page), name="ttscache_clip_stale"),
            path("missing/", site.admin_view(make_missing_page), name="ttscache_clip_make_missing"),
            path("last-takes/", site.admin_view(last_takes_page), name="ttscache_last_takes"),
            path("failed/", site.admin_view(retry_page), name="ttscache_clip_retry"),
            path("<uuid:pk>/speak/<str:voice>/", site.admin_view(speak_page), name="ttscache_clip_speak"),
            path("<uuid:pk>/hide/", site.admin_view(hide), name="ttscache_clip_hide"),
        ]
        return own + super().get_urls()  # type: ignore[misc,no-any-return]


def speak_page(request: HttpRequest, pk: Any, voice: str) -> HttpResponse:
    """Make a reflection that is heard often in another voice, after a page with the price."""
    if not request.user.has_perm("ttscache.make_clip"):
        raise PermissionDenied
    clip = get_object_or_404(shareable_reflections(), pk=pk)
    if voice not in conf().listener_voices or not clip.is_shareable:
        raise Http404
    wanted = warming.ClipSpec(request_for(clip.content_text, voice), ContentType.ANALYSIS)
    planned = warming.plan([wanted])
    if not is_confirmed(request, planned):
        summary = f"“{clip.content_text}” {in_words(planned)}"
        question = {"title": f"Make in {voice}", "verb": "Make it", "back": reverse("admin:index")}
        return _clip_admin().ask_to_make(request, planned, summary=summary, **question)
    if planned.missing:
        # A text that is fit for others is so in any voice. Say so before the clip can be played.
        Clip.objects.record(wanted.speech, wanted.content_type)
        Clip.objects.filter(content_hash=wanted.speech.content_hash).update(is_shareable=True)
        who = request.user.get_username()
        warming.start_run(
            f"reflection {wanted.speech.content_hash[:12]}, {voice}", [wanted], requested_by=who
        )
        _clip_admin().log_change(
            request, clip, f"Requested in the voice {voice}. {being_made_in_words(planned)}"
        )
    messages.success(request, being_made_in_words(planned))
    return redirect("admin:index")


@require_POST
def hide(request: HttpRequest, pk: Any) -> HttpResponse:
    """Hide a reflection from the most heard, in all voices, or show it again. It plays either way."""
    if not request.user.has_perm("ttscache.change_clip"):
        raise PermissionDenied
    clip = get_object_or_404(shareable_reflections(), pk=pk)
    is_hidden = "show" not in request.POST
    # One text has a clip in each voice.
    shareable_reflections().filter(content_text=clip.content_text).update(is_hidden=is_hidden)
    said = "Hidden from the most heard reflections" if is_hidden else "Shown among the most heard reflections"
    _clip_admin().log_change(request, clip, f"{said}.")
    messages.success(request, f"{said}. It plays as before.")
    query = Scope.from_query(request.POST.dict()).query
    return redirect(f"{reverse('admin:index')}?{query}")


def _clip_admin() -> StaffAdmin:
    return cast(StaffAdmin, site.get_model_admin(Clip))
