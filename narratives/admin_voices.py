"""One narrative in one voice: its clip made, tried again, or made again; always after a question."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path, reverse

from narratives.admin_deeds import Deeds
from narratives.drafts import draft_clip, make_again, make_clip
from narratives.models import Narrative
from ttscache import remaking, warming
from ttscache.conf import conf
from ttscache.staff.wording import being_made_in_words


class VoicePages(Deeds):
    def get_urls(self) -> list[Any]:
        make, again = self.admin_site.admin_view(self.make_view), self.admin_site.admin_view(self.again_view)
        return [
            path("<int:object_id>/make/<slug:voice>/", make, name="narratives_narrative_make"),
            path("<int:object_id>/make-again/<slug:voice>/", again, name="narratives_narrative_make_again"),
            *super().get_urls(),
        ]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        found = super().get_object(request, object_id, from_field)
        if found is not None:
            found.may_make = self.has_make_permission(request)
        return found

    def make_view(self, request: HttpRequest, object_id: int, voice: str) -> HttpResponse:
        """The words as they are saved, in a voice that has no clip of them."""
        narrative = self._narrative(request, object_id, voice)
        planned = warming.plan([draft_clip(narrative, voice)])

        def make() -> None:
            make_clip(narrative, voice, asked_by=request.user.get_username())
            self.log_change(request, narrative, f"Made in {voice}. {being_made_in_words(planned)}")

        title = f"Make clip, {voice}: {narrative}"
        back = self._way_back(request, narrative)
        return self.make_after_a_yes(request, planned, make, title=title, verb="Make it", back=back)

    def again_view(self, request: HttpRequest, object_id: int, voice: str) -> HttpResponse:
        """A clip that is there, replaced by a fresh one."""
        narrative = self._narrative(request, object_id, voice)
        planned = remaking.plan([draft_clip(narrative, voice)])

        def make() -> None:
            make_again(planned, asked_by=request.user.get_username())
            self.log_change(request, narrative, f"Made again in {voice}. {being_made_in_words(planned)}")

        title = f"Make again, {voice}: {narrative}"
        back = self._way_back(request, narrative)
        return self.make_after_a_yes(request, planned, make, title=title, verb="Make it again", back=back)

    def _narrative(self, request: HttpRequest, object_id: int, voice: str) -> Narrative:
        narrative: Narrative | None = self.get_object(request, str(object_id))
        if narrative is None or voice not in conf().listener_voices:
            raise Http404
        if not self.has_make_permission(request):
            raise PermissionDenied
        return narrative

    def _way_back(self, request: HttpRequest, narrative: Narrative) -> str:
        """To the page that had the link."""
        if request.GET.get("from") != "journey":
            return self.page_of(narrative)
        journey = reverse("admin:narratives_journey_change", args=[narrative.journey_id])
        return f"{journey}#sounds-{narrative.pk}"
