"""A journey that listeners can take from now on: what of its sound costs money is asked first."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse

from narratives import publishing
from narratives.admin_deeds import Deeds
from narratives.models import Journey
from ttscache import warming
from ttscache.conf import conf
from ttscache.staff.pages import has_said_yes
from ttscache.staff.wording import being_made_in_words


class GoingLive(Deeds):
    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.go_live_view)
        return [
            path("<int:object_id>/go-live/", view, name="narratives_journey_go_live"),
            *super().get_urls(),
        ]

    def save_model(self, request: HttpRequest, obj: Journey, form: Any, change: bool) -> None:
        """All else is saved; it stays off until somebody has said yes to the price."""
        publishing.one_at_a_time()
        if change and goes_live(form) and self._plan(obj).cost_usd > 0:
            obj.is_live = False
            obj.asks_to_go_live = True  # type: ignore[attr-defined]
            form.changed_data.remove("is_live")
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if goes_live(form):
            self._open(request, form.instance)

    def response_change(self, request: HttpRequest, obj: Journey) -> HttpResponse:
        if getattr(obj, "asks_to_go_live", False):
            return self._ask(request, obj)
        return super().response_change(request, obj)

    def go_live_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        journey = self.get_object(request, str(object_id))
        if journey is None:
            raise Http404
        if not self.has_publish_permission(request):
            raise PermissionDenied
        if not has_said_yes(request, self._plan(journey)):
            return self._ask(request, journey)
        with transaction.atomic():
            publishing.one_at_a_time()
            if Journey.objects.filter(pk=journey.pk, is_live=False).update(is_live=True):
                journey.is_live = True
                publishing.hold_clips()
                self._open(request, journey)
        return redirect(self.page_of(journey))

    def _plan(self, journey: Journey) -> warming.Plan:
        return warming.plan(publishing.all_published_clips(journey))

    def _ask(self, request: HttpRequest, journey: Journey) -> HttpResponse:
        return self.ask_to_make(
            request,
            self._plan(journey),
            title=f"Let listeners take it: {journey}",
            verb="Go live and make them",
            more="All else is saved as it is, whatever you choose. Listeners can take the journey at once; "
            "who comes before a clip is there waits for it.",
            action=reverse("admin:narratives_journey_go_live", args=[journey.pk]),
            back=self.page_of(journey),
        )

    def _open(self, request: HttpRequest, journey: Journey) -> None:
        """Listeners can come from now on, so their clips are made."""
        texts, planned = journey.narratives.published().count(), self._plan(journey)
        for voice in conf().listener_voices:
            publishing.warm(journey, voice, asked_by=request.user.get_username())
        sound = being_made_in_words(planned) if planned.missing else "Their sound is there already."
        says = f"Listeners can take it now: {texts} published texts. {sound}"
        self.log_change(request, journey, says)
        self.message_user(request, says)


def goes_live(form: Any) -> bool:
    return "is_live" in form.changed_data and form.instance.is_live
