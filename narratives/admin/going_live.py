"""Open a journey to listeners. If making its missing clips costs money, staff confirm the price first."""

from __future__ import annotations

from functools import partial
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
from ttscache.staff.pages import StaffAdmin, is_confirmed
from ttscache.staff.wording import being_made_in_words
from ttscache.warming.rendition_switch import make_pending


def goes_live(form: Any) -> bool:
    return "is_live" in form.changed_data and form.instance.is_live


def keep_off_if_it_costs(journey: Journey, form: Any) -> None:
    """Call before saving: keeps the journey off until somebody confirms the price; all else is saved."""
    if goes_live(form) and _plan(journey).cost_usd > 0:
        journey.is_live = False
        journey.asks_to_go_live = True  # type: ignore[attr-defined]
        form.changed_data.remove("is_live")  # read by the admin's log and by goes_live


def ask_after_saving(pages: StaffAdmin, request: HttpRequest, journey: Journey) -> HttpResponse | None:
    """Ask about the journey that `keep_off_if_it_costs` kept off; None if it did not."""
    return _ask(pages, request, journey) if getattr(journey, "asks_to_go_live", False) else None


def go_live_view(pages: StaffAdmin, request: HttpRequest, object_id: int) -> HttpResponse:
    """Receive the answer to the question that `ask_after_saving` asked."""
    journey: Journey = pages.get_or_404(request, object_id)
    if not pages.has_publish_permission(request):
        raise PermissionDenied
    if not is_confirmed(request, _plan(journey)):
        return _ask(pages, request, journey)
    with transaction.atomic():
        publishing.lock_publishing()
        # Two people may confirm at the same time: only one of them changes the row and starts the runs.
        if Journey.objects.filter(pk=journey.pk, is_live=False).update(is_live=True):
            journey.is_live = True
            publishing.sync_pins()
            open_to_listeners(pages, request, journey)
    return redirect(page_of(journey))


def open_to_listeners(pages: StaffAdmin, request: HttpRequest, journey: Journey) -> None:
    """Make the clips that listeners of this journey hear, and say that it is live."""
    texts, planned = len(publishing.journey_entries(journey)), _plan(journey)
    for voice in publishing.makeable_voices():
        publishing.warm_journey(journey, voice, requested_by=request.user.get_username())
    make_pending(requested_by=request.user.get_username())  # a voice that is being prepared needs them too
    sound = being_made_in_words(planned) if planned.missing else "All audio is ready."
    says = f"Listeners can use it now: {texts} published text{'' if texts == 1 else 's'}. {sound}"
    pages.log_change(request, journey, says)
    pages.message_user(request, says)
    # A voice may lack a clip of this journey that cannot be made.
    if silent := publishing.silent_voices(lambda voice: publishing.journey_clips_in_voice(journey, voice)):
        pages.message_user(
            request,
            f"Words without a clip cannot be spoken as {' and '.join(silent)} sounds today. Listeners read "
            "them until you choose, on the page Voices, who plays this voice next.",
            messages.WARNING,
        )


def _plan(journey: Journey) -> warming.Plan:
    """Price the journey's clips in every rendition that makes them: those of today and the pending ones."""
    clips_in = partial(publishing.journey_clips_in_voice, journey)
    with publishing.making_new_words() as voices:
        now = [spec for voice in voices for spec in clips_in(voice)]
    return warming.plan([*now, *publishing.clips_in_pending_renditions(clips_in)])


def _ask(pages: StaffAdmin, request: HttpRequest, journey: Journey) -> HttpResponse:
    return pages.ask_to_make(
        request,
        _plan(journey),
        title=f"Go live: {journey}",
        verb="Go live and make clips",
        more="Your other changes are already saved. Listeners can use the journey at once; "
        "they wait for a clip that is not ready yet.",
        action=reverse("admin:narratives_journey_go_live", args=[journey.pk]),
        back=page_of(journey),
    )
