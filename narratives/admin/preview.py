"""Preview a journey: the listener's own page with the drafts in it, and with the clips that exist.

Nothing is made, and the page sends no answer anywhere. Its scripts use relative addresses, so they ask for
the drafts in another voice below the preview's own address.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from unfold.decorators import action

from narratives.admin.lookups import narratives_of, page_of
from narratives.listener.playlist import draft_playlist
from narratives.listener.views import listener_context
from narratives.models import Journey
from ttscache.api.validation import checked_voice
from ttscache.conf import conf
from ttscache.errors import SpeechError
from ttscache.staff.pages import StaffAdmin


@action(description="Preview", url_path="preview", permissions=["view"], icon="visibility")  # type: ignore[untyped-decorator]
def preview_journey(pages: StaffAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    return _preview(request, pages.get_or_404(request, object_id))


@never_cache  # drafts stay neither in the browser nor in a proxy
def _preview(request: HttpRequest, journey: Journey) -> HttpResponse:
    narratives = narratives_of(journey)
    playlists = {voice: draft_playlist(journey, narratives, voice) for voice in conf().listener_voices}
    ready = [_ready(playlist) for playlist in playlists.values()]
    context = listener_context(journey, [journey], playlists[conf().default_voice]) | {
        "back": page_of(journey),
        "ready": sum(map(sum, ready)),
        "total": sum(map(len, ready)),
    }
    for place, screen in enumerate(context["screens"]):
        screen["silent_in"] = [
            voice for voice, each in playlists.items() if each["narratives"][place]["audio"]["url"] is None
        ]
    return render(request, "narratives/preview.html", context)


def _ready(playlist: dict[str, Any]) -> list[bool]:
    return [each["audio"]["ready"] for each in [*playlist["narratives"], *playlist["system"].values()]]


def preview_playlist_view(pages: StaffAdmin, request: HttpRequest, object_id: int) -> HttpResponse:
    """The drafts in another voice, for the scripts of the page."""
    journey: Journey = pages.get_or_404(request, object_id)
    if not pages.has_view_permission(request, journey):
        raise PermissionDenied
    try:
        voice = checked_voice(request.GET.get("voice"), conf().listener_voices)
    except SpeechError as error:
        return JsonResponse({"error": error.sentence}, status=error.status)
    return JsonResponse(draft_playlist(journey, narratives_of(journey), voice))
