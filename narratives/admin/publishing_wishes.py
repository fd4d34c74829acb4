"""Ask to publish: an editor tells the publishers that a journey's draft is ready."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from narratives.admin.draft_allowance import HearingOffer, may_hear_within_allowance
from narratives.admin.lookups import page_of
from narratives.admin.permissions import has_publish_right
from narratives.models import Journey, Narrative, PublishingWish
from narratives.publishing import draft_changes
from ttscache.staff.pages import StaffAdmin, is_confirmed


def context_for_editors(
    pages: StaffAdmin, request: HttpRequest, thing: Journey | Narrative
) -> dict[str, Any]:
    """The context of editor_bar.html: what an editor can do instead of making clips and publishing."""
    journey = thing.journey if isinstance(thing, Narrative) else thing
    wish = _wish_of(journey)
    return {
        "wish": wish,
        "wish_journey": journey,
        "may_ask": wish is None and _may_ask(request) and not draft_changes(journey).is_empty,
        "take_back": _take_back_verb(request, wish) if wish is not None else "",
        "hearing": HearingOffer.of(thing) if may_hear_within_allowance(pages, request, thing) else None,
    }


def ask_to_publish_view(pages: StaffAdmin, request: HttpRequest, object_id: int) -> HttpResponse:
    journey: Journey = pages.get_or_404(request, object_id)
    if not _may_ask(request) or not pages.has_change_permission(request, journey):
        raise PermissionDenied
    changes, wish = draft_changes(journey), _wish_of(journey)
    if wish is not None:
        pages.message_user(request, f"{wish.asked_by_name} has asked already.", messages.INFO)
    elif changes.is_empty:
        says = "There is nothing to publish: listeners have all of it already."
        pages.message_user(request, says, messages.INFO)
    elif not is_confirmed(request):
        return pages.ask(
            request,
            title=f"Ask to publish: {journey}",
            summary=f"Not published yet: {changes.in_words}. Publishers see on their first page that "
            "you ask, and what has changed. Nobody gets a mail, and listeners notice nothing.",
            verb="Ask to publish",
            back=page_of(journey),
        )
    else:
        # Two editors may ask at the same moment: the first one counts.
        assert isinstance(request.user, User)
        PublishingWish.objects.get_or_create(journey=journey, defaults={"asked_by": request.user})
        pages.log_and_tell(request, journey, "Asked to publish.")
    return redirect(page_of(journey))


def take_back_wish_view(pages: StaffAdmin, request: HttpRequest, object_id: int) -> HttpResponse:
    """Withdraw the wish, as the person who asked, or set it aside as a publisher."""
    journey: Journey = pages.get_or_404(request, object_id)
    wish = _wish_of(journey)
    if wish is None:
        pages.message_user(request, "Nobody asks to publish this journey any more.", messages.INFO)
        return redirect(page_of(journey))
    verb = _take_back_verb(request, wish)
    if not verb:
        raise PermissionDenied
    if not is_confirmed(request):
        return pages.ask(
            request,
            title=f"{verb}: {journey}",
            summary="Publishers no longer see that somebody asks. The drafts stay as they are.",
            verb=verb,
            back=page_of(journey),
        )
    wish.delete()
    says = "is taken back" if request.user.pk == wish.asked_by_id else "is set aside"
    pages.log_and_tell(request, journey, f"The wish of {wish.asked_by_name} to publish {says}.")
    return redirect(page_of(journey))


def _wish_of(journey: Journey) -> PublishingWish | None:
    return PublishingWish.objects.filter(journey=journey).select_related("journey", "asked_by").first()


def _may_ask(request: HttpRequest) -> bool:
    """Whether this person may write the journey and not publish it."""
    return request.user.has_perm("narratives.change_narrative") and not has_publish_right(request)


def _take_back_verb(request: HttpRequest, wish: PublishingWish) -> str:
    """The button that ends the wish: for the person who asked, or for publishers; empty for all others."""
    if request.user.pk == wish.asked_by_id:
        return "Take it back"
    return "Set it aside" if has_publish_right(request) else ""
