"""Make, retry or remake the clip of one text in one voice, always after a question."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from narratives.admin.lookups import page_of
from narratives.editing.drafts import draft_clip, make_again, make_clip
from narratives.models import Narrative
from ttscache import warming
from ttscache.conf import conf
from ttscache.staff.pages import StaffAdmin
from ttscache.staff.wording import being_made_in_words
from ttscache.warming import remaking


def make_voice_view(pages: StaffAdmin, request: HttpRequest, object_id: int, voice: str) -> HttpResponse:
    """Make the missing clip of the saved draft."""
    narrative = _narrative(pages, request, object_id, voice)
    planned = warming.plan([draft_clip(narrative, voice)])

    def make() -> None:
        make_clip(narrative, voice, requested_by=request.user.get_username())
        pages.log_change(request, narrative, f"Made in {voice}. {being_made_in_words(planned)}")

    question = {"title": f"Make clip, {voice}: {narrative}", "verb": "Make it"}
    return pages.make_after_a_yes(request, planned, make, back=_way_back(request, narrative), **question)


def make_voice_again_view(
    pages: StaffAdmin, request: HttpRequest, object_id: int, voice: str
) -> HttpResponse:
    """Replace an existing clip with a new one."""
    narrative = _narrative(pages, request, object_id, voice)
    planned = remaking.plan_remakes([draft_clip(narrative, voice)])

    def make() -> None:
        make_again(planned, requested_by=request.user.get_username())
        pages.log_change(request, narrative, f"Made again in {voice}. {being_made_in_words(planned)}")

    question = {"title": f"Make again, {voice}: {narrative}", "verb": "Make it again"}
    return pages.make_after_a_yes(request, planned, make, back=_way_back(request, narrative), **question)


def _narrative(pages: StaffAdmin, request: HttpRequest, object_id: int, voice: str) -> Narrative:
    narrative: Narrative = pages.get_or_404(request, object_id)
    if voice not in conf().listener_voices:
        raise Http404  # the voice is part of the address, so it can be anything
    if not pages.has_make_permission(request):
        raise PermissionDenied
    return narrative


def _way_back(request: HttpRequest, narrative: Narrative) -> str:
    """Return the address of the page that had the link: the journey's or the text's."""
    if request.GET.get("from") != "journey":
        return page_of(narrative)
    journey = reverse("admin:narratives_journey_change", args=[narrative.journey_id])
    return f"{journey}#clips-{narrative.pk}"
