"""A journey that listeners can take from now on: what of its sound costs money is asked first."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from narratives import publishing
from narratives.admin.lookups import page_of
from narratives.models import Journey
from ttscache import warming
from ttscache.staff.pages import StaffAdmin, has_said_yes
from ttscache.staff.wording import being_made_in_words
from ttscache.warming.takeover import make_pending


def goes_live(form: Any) -> bool:
    return "is_live" in form.changed_data and form.instance.is_live


def keep_off_if_it_costs(journey: Journey, form: Any) -> None:
    """Before saving: everything else is saved; it stays off until somebody has said yes to the price."""
    if goes_live(form) and _plan(journey).cost_usd > 0:
        journey.is_live = False
        journey.asks_to_go_live = True  # type: ignore[attr-defined]
        form.changed_data.remove("is_live")


def ask_after_saving(pages: StaffAdmin, request: HttpRequest, journey: Journey) -> HttpResponse | None:
    """The question about what was kept off; None where nothing was."""
    return _ask(pages, request, journey) if getattr(journey, "asks_to_go_live", False) else None


def go_live_view(pages: StaffAdmin, request: HttpRequest, object_id: int) -> HttpResponse:
    """The question that is asked after saving, when it is sent back."""
    journey: Journey = pages.get_or_404(request, object_id)
    if not pages.has_publish_permission(request):
        raise PermissionDenied
    if not has_said_yes(request, _plan(journey)):
        return _ask(pages, request, journey)
    with transaction.atomic():
        publishing.lock_publishing()
        # Another answer may have opened it meanwhile: only one of them has its clips made.
        if Journey.objects.filter(pk=journey.pk, is_live=False).update(is_live=True):
            journey.is_live = True
            publishing.sync_pins()
            open_to_listeners(pages, request, journey)
    return redirect(page_of(journey))


def open_to_listeners(pages: StaffAdmin, request: HttpRequest, journey: Journey) -> None:
    """They can come from now on, so the clips they would hear are made."""
    texts, planned = journey.narratives.published().count(), _plan(journey)
    for voice in publishing.makeable_voices():
        publishing.warm_journey(journey, voice, requested_by=request.user.get_username())
    make_pending(requested_by=request.user.get_username())  # a voice that is being prepared says it as well
    sound = being_made_in_words(planned) if planned.missing else "Their sound is there already."
    says = f"Listeners can take it now: {texts} published texts. {sound}"
    pages.log_change(request, journey, says)
    pages.message_user(request, says)
    if silent := _silent_voices(journey):
        pages.message_user(
            request,
            f"Words without a clip cannot be spoken as {' and '.join(silent)} sounds today. Listeners read "
            "them until you choose, on the page Voices, who plays this voice next.",
            messages.WARNING,
        )


def _silent_voices(journey: Journey) -> list[str]:
    """Those in which a clip of it is missing and cannot be made."""
    return [
        voice
        for voice in publishing.voices_without_new_words()
        if warming.plan(publishing.published_clips(journey, voice)).missing
    ]


def _plan(journey: Journey) -> warming.Plan:
    """Its clips in each voice that can say them; where that is another rendition, those of that one."""
    with publishing.making_new_words() as voices:
        return warming.plan(spec for voice in voices for spec in publishing.published_clips(journey, voice))


def _ask(pages: StaffAdmin, request: HttpRequest, journey: Journey) -> HttpResponse:
    return pages.ask_to_make(
        request,
        _plan(journey),
        title=f"Let listeners take it: {journey}",
        verb="Go live and make them",
        more="All else is saved as it is, whatever you choose. Listeners can take the journey at once; "
        "who comes before a clip is there waits for it.",
        action=reverse("admin:narratives_journey_go_live", args=[journey.pk]),
        back=page_of(journey),
    )
