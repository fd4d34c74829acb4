"""Make another journey the one that listeners get. Staff confirm it first."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.decorators import action

from narratives import publishing
from narratives.admin.lookups import page_of
from narratives.models import Journey
from ttscache.staff.pages import StaffAdmin, is_confirmed


def wait_for_an_answer(journey: Journey, form: Any) -> None:
    """Call before saving: where another journey is the default, the form has kept this one from it."""
    if form.asks_to_be_default:
        form.changed_data.remove("is_default")  # read by the admin's log
        journey.asks_to_be_default = True  # type: ignore[attr-defined]


def ask_about_default(pages: StaffAdmin, request: HttpRequest, journey: Journey) -> HttpResponse | None:
    """Ask about the journey that was ticked as the default; None if there is nothing to ask."""
    return _ask(pages, request, journey) if getattr(journey, "asks_to_be_default", False) else None


def say_it_is_not_asked(pages: StaffAdmin, request: HttpRequest, journey: Journey) -> None:
    """Another question came first: say how to go on."""
    if getattr(journey, "asks_to_be_default", False):
        says = f"“{journey}” is not the default yet. Press “Make this the default” on its page."
        pages.message_user(request, says, messages.WARNING)


@action(description="Make this the default", url_path="make-default", permissions=["publish"])  # type: ignore[untyped-decorator]
def make_default(pages: StaffAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    journey: Journey = pages.get_or_404(request, object_id)
    if not is_confirmed(request):
        return _ask(pages, request, journey)
    with transaction.atomic():
        publishing.lock_publishing()
        before = Journey.objects.filter(is_default=True).exclude(pk=journey.pk).first()
        # First the other one: a constraint allows one default.
        Journey.objects.filter(is_default=True).exclude(pk=journey.pk).update(is_default=False)
        Journey.objects.filter(pk=journey.pk).update(is_default=True)
    says = f"“{journey}” is the default now" + (f", instead of “{before}”." if before else ".")
    if before is not None:
        pages.log_change(request, before, says)
    pages.log_and_tell(request, journey, says)
    return redirect(page_of(journey))


def _ask(pages: StaffAdmin, request: HttpRequest, journey: Journey) -> HttpResponse:
    before = Journey.objects.filter(is_default=True).exclude(pk=journey.pk).first()
    now = f"Listeners get “{before}” now. " if before is not None else ""
    off = "" if journey.is_live else " It is not live: until it is, they get another live journey."
    return pages.ask(
        request,
        title="Make this the default instead?",
        summary=f"{now}From then on they get “{journey}”, and can still choose any other live journey.{off}",
        verb="Make this the default",
        action=reverse("admin:narratives_journey_make_default", args=[journey.pk]),
        back=page_of(journey),
    )
