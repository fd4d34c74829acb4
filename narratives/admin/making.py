"""Having clips made: with the words that are saved, for a whole journey, or for chosen texts.

What costs money is asked first. The button that saves and makes in one press has told its price while the
words were written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.decorators import action

from narratives.admin.lookups import narratives_of, page_of
from narratives.admin.permissions import may_write_and_make
from narratives.admin.publishing import shares_of
from narratives.editing.drafts import (
    clips_of_words,
    draft_clips,
    journey_clips,
    make_again,
    make_drafts,
    make_journey,
)
from narratives.models import Journey, Narrative
from ttscache import warming
from ttscache.staff.pages import StaffAdmin, is_asked_first
from ttscache.staff.wording import being_made_in_words, price
from ttscache.warming import Plan, remaking
from ttscache.warming.time_estimate import seconds_to_make

TEXT_FIELD = re.compile(r"(\w+-\d+-)?text")  # of a narrative's form, or of a row of its journey's


# --- the price on the button ------------------------------------------------------------------------------
def price_view(pages: StaffAdmin, request: HttpRequest) -> HttpResponse:
    """What would be missing if this form were saved as it stands. Nothing is kept of its words."""
    if not may_write_and_make(pages, request):
        raise PermissionDenied
    planned = warming.plan(clips_of_words(_texts_in(request.POST)))
    return JsonResponse({"says": on_a_button(planned), "usd": planned.cost_usd})


def _texts_in(form: Mapping[str, str]) -> Iterator[str]:
    """Of all narratives in it but those that are to be deleted."""
    for name in form:
        if TEXT_FIELD.fullmatch(name) and f"{name.removesuffix('text')}DELETE" not in form:
            yield form[name]


def on_a_button(planned: Plan) -> str:
    """Count, characters, price and time in as few words as there can be."""
    number = len(planned.missing)
    if not number:
        return "every clip is there"
    clips = "1 clip" if number == 1 else f"{number:,} clips"
    seconds = max(1, round(seconds_to_make(number)))
    lasts = f"~{seconds} s" if seconds < 100 else f"~{round(seconds / 60)} min"
    return f"{clips}, {planned.characters:,} chars, {price(planned.cost_usd)}, {lasts}"


# --- saved and made in one press --------------------------------------------------------------------------
def make_saved(pages: StaffAdmin, request: HttpRequest, saved: Journey | Narrative) -> HttpResponse | None:
    """The answer to the button "Save and make audio"; None where another one was pressed."""
    if "_make" not in request.POST or not may_write_and_make(pages, request):
        return None
    return _make_drafts(pages, request, saved, has_shown_price=True)


def make_drafts_view(pages: StaffAdmin, request: HttpRequest, object_id: int) -> HttpResponse:
    """The question that is asked after saving, when it is sent back."""
    saved = pages.get_or_404(request, object_id)
    if not may_write_and_make(pages, request):
        raise PermissionDenied
    return _make_drafts(pages, request, saved)


def _make_drafts(
    pages: StaffAdmin, request: HttpRequest, saved: Journey | Narrative, *, has_shown_price: bool = False
) -> HttpResponse:
    narratives = narratives_of(saved)
    planned = warming.plan(draft_clips(narratives))

    def make() -> None:
        make_drafts(narratives, requested_by=request.user.get_username())
        pages.log_change(request, saved, f"Made audio. {being_made_in_words(planned)}")

    question = pages.make_or_ask(
        request,
        planned,
        make,
        asks=not has_shown_price or is_asked_first(request, planned),
        title=f"Make audio: {saved}",
        more="The words are saved as they are, whatever you choose.",
        action=reverse(f"admin:narratives_{saved._meta.model_name}_make_drafts", args=[saved.pk]),
        back=page_of(saved),
    )
    return question or redirect(page_of(saved))


# --- the buttons of a journey's page ----------------------------------------------------------------------
@action(description="Make missing clips", url_path="make", permissions=["make"], icon="graphic_eq")  # type: ignore[untyped-decorator]
def make_missing(pages: StaffAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """All that listeners have, and the words on its page."""
    journey: Journey = pages.get_or_404(request, object_id)
    narratives = narratives_of(journey)
    planned = warming.plan(journey_clips(journey, narratives))

    def make() -> None:
        make_journey(journey, narratives, requested_by=request.user.get_username())
        pages.log_change(request, journey, f"Made missing clips. {being_made_in_words(planned)}")

    title = f"Make missing clips: {journey}"
    return pages.make_after_a_yes(request, planned, make, title=title, back=page_of(journey))


@action(description="Make all again …", url_path="make-again", permissions=["make"])  # type: ignore[untyped-decorator]
def make_all_again(pages: StaffAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """Every clip of it that is there."""
    journey: Journey = pages.get_or_404(request, object_id)
    planned = remaking.plan_remakes(journey_clips(journey, narratives_of(journey)))

    def make() -> None:
        make_again(planned, requested_by=request.user.get_username())
        pages.log_change(request, journey, f"Made all again. {being_made_in_words(planned)}")

    title = f"Make all again: {journey}"
    return pages.make_after_a_yes(request, planned, make, title=title, back=page_of(journey))


# --- the actions of the list of texts ---------------------------------------------------------------------
@admin.action(description="Make missing clips", permissions=["make"])
def make_chosen(
    pages: StaffAdmin, request: HttpRequest, queryset: QuerySet[Narrative]
) -> HttpResponse | None:
    """Asks first when it costs money."""
    planned = warming.plan(draft_clips(queryset))

    def make() -> None:
        make_drafts(queryset, requested_by=request.user.get_username())
        _log_made(pages, request, queryset, planned, "Made missing clips.")

    question = _sent_back(queryset, "make_chosen")
    return pages.make_or_ask(request, planned, make, asks=planned.cost_usd > 0, **question)


@admin.action(description="Make again", permissions=["make"])
def make_chosen_again(
    pages: StaffAdmin, request: HttpRequest, queryset: QuerySet[Narrative]
) -> HttpResponse | None:
    """Asks first, whatever it costs: the clips are good."""
    planned = remaking.plan_remakes(draft_clips(queryset))

    def make() -> None:
        make_again(planned, requested_by=request.user.get_username())
        _log_made(pages, request, queryset, planned, "Made again.")

    question = _sent_back(queryset, "make_chosen_again")
    return pages.make_or_ask(request, planned, make, title="Make again", **question)


def _sent_back(chosen: Iterable[Narrative], name: str) -> dict[str, Any]:
    """What a question needs to come back as an action of the list."""
    hidden = [("action", name), *((ACTION_CHECKBOX_NAME, narrative.pk) for narrative in chosen)]
    return {"hidden": hidden, "back": reverse("admin:narratives_narrative_changelist")}


def _log_made(
    pages: StaffAdmin, request: HttpRequest, narratives: Iterable[Narrative], planned: Plan, says: str
) -> None:
    """Note who had clips made, with what is made of each narrative and its price."""
    wanted = [(narrative, draft_clips([narrative])) for narrative in narratives]
    for narrative, share in shares_of(planned, wanted):
        if share.missing:
            pages.log_change(request, narrative, f"{says} {being_made_in_words(share)}")
