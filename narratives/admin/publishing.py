"""Publish texts: show the effect and the price, wait for a yes, publish, log it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.decorators import action
from unfold.enums import ActionVariant

from narratives import publishing
from narratives.admin.confirmation import confirmed_this
from narratives.admin.lookups import page_of
from narratives.models import Journey, Narrative, Publication
from narratives.publishing import DraftChanges, PublishRequest, publication_clips
from ttscache.staff.pages import StaffAdmin, is_confirmed
from ttscache.staff.wording import being_made_in_words, in_words
from ttscache.warming import ClipSpec, Plan

FIRST_WAIT_SECONDS = 2  # roughly what a listener waits for a clip that has to be made

Thing = TypeVar("Thing")


# --- the button of a journey's page ---------------------------------------------------------------------
@action(  # type: ignore[untyped-decorator]
    description="Publish changes",
    url_path="publish",
    permissions=["publish"],
    icon="publish",
    variant=ActionVariant.PRIMARY,
)
def publish_changes(pages: StaffAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    journey: Journey = pages.get_or_404(request, object_id)
    wanted = PublishRequest.of(journey)
    if not wanted.versions or confirmed_this(pages, request, wanted.fingerprint):
        publish_and_tell(pages, request, wanted)
        return redirect(page_of(journey))
    return _ask_about_journey(pages, request, journey, wanted)


def _ask_about_journey(
    pages: StaffAdmin, request: HttpRequest, journey: Journey, wanted: PublishRequest
) -> HttpResponse:
    address = reverse("admin:narratives_journey_publish_changes", args=[journey.pk])
    title = f"Publish changes: {journey}"
    return _ask(pages, request, wanted, title=title, action=address, back=page_of(journey))


# --- the action of the list of texts --------------------------------------------------------------------
@admin.action(description="Publish", permissions=["publish"])
def publish_chosen(
    pages: StaffAdmin, request: HttpRequest, queryset: QuerySet[Narrative]
) -> HttpResponse | None:
    """Publish the chosen texts; if that costs money, ask first."""
    wanted = PublishRequest.of_chosen(list(queryset))
    is_to_be_asked = is_confirmed(request) or wanted.costs_money
    if is_to_be_asked and not confirmed_this(pages, request, wanted.fingerprint):
        return _ask_about_chosen(pages, request, wanted)
    publish_and_tell(pages, request, wanted)
    return None


def _ask_about_chosen(
    pages: StaffAdmin, request: HttpRequest, wanted: PublishRequest, *, back: str = ""
) -> HttpResponse:
    """Ask; the answer comes back as this action of the list."""
    texts = reverse("admin:narratives_narrative_changelist")
    chosen = [(ACTION_CHECKBOX_NAME, narrative.pk) for narrative in wanted.narratives]
    hidden = [("action", "publish_chosen"), *chosen]
    return _ask(pages, request, wanted, title="Publish", action=texts, back=back or texts, hidden=hidden)


# --- saved and published in one -------------------------------------------------------------------------
def publish_saved(pages: StaffAdmin, request: HttpRequest, saved: Journey | Narrative) -> None:
    """Publish it, or, if that costs money, let `answer_after_saving` ask.

    This runs inside the transaction that saves, where no page can be returned.
    """
    wanted = PublishRequest.of(saved)
    if wanted.costs_money:
        saved.to_be_asked = wanted  # type: ignore[union-attr]  # read by answer_after_saving
    else:
        publish_and_tell(pages, request, wanted)


def answer_after_saving(
    pages: StaffAdmin, request: HttpRequest, saved: Journey | Narrative
) -> HttpResponse | None:
    """Ask about the price, or return to the page, where staff see the clips being made."""
    if "_publish" not in request.POST:
        return None
    wanted: PublishRequest | None = getattr(saved, "to_be_asked", None)
    if wanted is None:
        return redirect(request.path)
    if isinstance(saved, Journey):
        return _ask_about_journey(pages, request, saved, wanted)
    return _ask_about_chosen(pages, request, wanted, back=request.path)


# --- asked, done, told ----------------------------------------------------------------------------------
def _ask(pages: StaffAdmin, request: HttpRequest, wanted: PublishRequest, **question: Any) -> HttpResponse:
    planned = wanted.planned
    question["hidden"] = [*question.get("hidden", []), ("seen", wanted.fingerprint)]
    waits = wanted.makes_listeners_wait
    return pages.ask(
        request,
        narratives=wanted.ahead,
        removed=wanted.removed,
        summary=in_words(planned),
        verb="Make clips first, then publish" if waits else "Publish",
        waits=waits,
        second=("at_once", "Publish now, audio follows") if waits else None,
        wait_seconds=FIRST_WAIT_SECONDS,
        warning=wanted.warning,
        **question,
    )


def publish_and_tell(pages: StaffAdmin, request: HttpRequest, wanted: PublishRequest) -> None:
    """Publish what has changed, log who did it at what price, and show the result."""
    # Somebody else may have published it since the page was opened.
    if not wanted.versions:
        says = "Nothing to publish: listeners already have this."
        pages.message_user(request, says, messages.INFO)
        return
    name, at_once = request.user.get_username(), "at_once" in request.POST
    publications = (
        publishing.publish_journey(wanted.journey, requested_by=name, at_once=at_once)
        if wanted.journey is not None
        else publishing.publish(wanted.narratives, requested_by=name, at_once=at_once)
    )
    wanted_by = [(each, _clips_that_are_made(each)) for each in publications]
    changes = {version.journey.pk: version.changes for version in wanted.versions}
    for publication, share in shares_of(wanted.planned, wanted_by):
        says = published_in_words(publication, changes[publication.journey_id], share)
        pages.log_and_tell(request, publication.journey, says)
    if wanted.warning and publications:
        pages.message_user(request, wanted.warning, messages.WARNING)
    # The draft was edited back to what is live, so only the waiting version had to go.
    if not publications:
        says = "Listeners already have this, so the waiting version is cancelled."
        pages.log_and_tell(request, wanted.versions[0].journey, says)


def _clips_that_are_made(publication: Publication) -> list[ClipSpec]:
    with publishing.making_new_words():
        now = publication_clips(publication)
    pending = publishing.clips_in_pending_renditions(lambda voice: publication_clips(publication, [voice]))
    return [*now, *pending]


def shares_of(
    planned: Plan, wanted: Iterable[tuple[Thing, Iterable[ClipSpec]]]
) -> Iterator[tuple[Thing, Plan]]:
    """Split a plan among things that want its clips. The first one gets a clip, so none counts twice."""
    clips = {clip.content_hash: clip for clip in planned.clips}
    for thing, its in wanted:
        hashes = [each.speech.content_hash for each in its]
        yield thing, replace(planned, clips=tuple(clips.pop(each) for each in hashes if each in clips))


def published_in_words(publication: Publication, changes: DraftChanges, planned: Plan) -> str:
    count = f"Version {publication.number}: {changes.in_words}."
    if not publication.journey.is_live:
        return f"{count} Listeners get it when the journey goes live."
    if publication.state == Publication.State.PUBLISHED:
        sound = being_made_in_words(planned) if planned.missing else "All audio is ready."
        return f"{count} Listeners have it now. {sound}"
    return (
        f"{count} {being_made_in_words(planned)} It goes live when all clips are ready. "
        "Until then, listeners keep the old version."
    )
