"""Make clips: of the saved drafts, of a whole journey, or of chosen texts.

Whatever costs money is confirmed first, except on the button that saves and makes in one press: it shows
its price while the text is written.
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

TEXT_FIELD = re.compile(r"(\w+-\d+-)?text")  # in a narrative's form, or in a row of its journey's form


# --- the price on the button ----------------------------------------------------------------------------
def price_view(pages: StaffAdmin, request: HttpRequest) -> HttpResponse:
    """Price the clips that would be missing if this form were saved now. The posted text is not stored."""
    if not may_write_and_make(pages, request):
        raise PermissionDenied
    planned = warming.plan(clips_of_words(_texts_in(request.POST)))
    return JsonResponse({"says": on_a_button(planned), "usd": planned.cost_usd})


def _texts_in(form: Mapping[str, str]) -> Iterator[str]:
    """The text of each narrative in the form, without rows that are marked for deletion."""
    for name in form:
        if TEXT_FIELD.fullmatch(name) and f"{name.removesuffix('text')}DELETE" not in form:
            yield form[name]


def on_a_button(planned: Plan) -> str:
    """The label of the button, with count, characters, price and time."""
    number = len(planned.missing)
    if not planned.clips:
        return "Save and make audio"
    if not number:
        return "Save (all audio is ready)"
    clips = "1 clip" if number == 1 else f"{number:,} clips"
    # Never "~0 s": a press always takes a moment.
    seconds = max(1, round(seconds_to_make(number)))
    lasts = f"~{seconds} s" if seconds < 100 else f"~{round(seconds / 60)} min"
    return f"Save and make audio: {clips}, {planned.characters:,} chars, {price(planned.cost_usd)}, {lasts}"


# --- saved and made in one press ------------------------------------------------------------------------
def make_saved(pages: StaffAdmin, request: HttpRequest, saved: Journey | Narrative) -> HttpResponse | None:
    """Answer the button "Save and make audio"; None if another button was pressed."""
    if "_make" not in request.POST or not may_write_and_make(pages, request):
        return None
    return _make_drafts(pages, request, saved, has_shown_price=True)


def make_drafts_view(pages: StaffAdmin, request: HttpRequest, object_id: int) -> HttpResponse:
    """Receive the answer to the question that `make_saved` asked."""
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

    # If the button has shown the price, ask only if it has risen since or is above TTS_ASK_ABOVE_USD.
    question = pages.make_or_ask(
        request,
        planned,
        make,
        asks=not has_shown_price or is_asked_first(request, planned),
        title=f"Make audio: {saved}",
        more="Your text is already saved.",
        action=reverse(f"admin:narratives_{saved._meta.model_name}_make_drafts", args=[saved.pk]),
        back=page_of(saved),
    )
    return question or redirect(page_of(saved))


# --- the buttons of a journey's page --------------------------------------------------------------------
@action(description="Make missing clips", url_path="make", permissions=["make"], icon="graphic_eq")  # type: ignore[untyped-decorator]
def make_missing(pages: StaffAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """Make what is missing of the published texts and of the drafts."""
    journey: Journey = pages.get_or_404(request, object_id)
    narratives = narratives_of(journey)
    # A clip that published text and draft share is planned, and priced, once.
    planned = warming.plan(journey_clips(journey, narratives))

    def make() -> None:
        make_journey(journey, narratives, requested_by=request.user.get_username())
        pages.log_change(request, journey, f"Made missing clips. {being_made_in_words(planned)}")

    title = f"Make missing clips: {journey}"
    return pages.make_after_a_yes(request, planned, make, title=title, back=page_of(journey))


@action(description="Make all again", url_path="make-again", permissions=["make"])  # type: ignore[untyped-decorator]
def make_all_again(pages: StaffAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """Replace every clip that the journey has, published or draft."""
    journey: Journey = pages.get_or_404(request, object_id)
    planned = remaking.plan_remakes(journey_clips(journey, narratives_of(journey)))

    def make() -> None:
        make_again(planned, requested_by=request.user.get_username())
        pages.log_change(request, journey, f"Made all again. {being_made_in_words(planned)}")

    title = f"Make all again: {journey}"
    return pages.make_after_a_yes(request, planned, make, title=title, back=page_of(journey))


# --- the actions of the list of texts -------------------------------------------------------------------
@admin.action(description="Make missing clips", permissions=["make"])
def make_chosen(
    pages: StaffAdmin, request: HttpRequest, queryset: QuerySet[Narrative]
) -> HttpResponse | None:
    """Make clips of the chosen texts; if that costs money, ask first."""
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
    """Replace clips of the chosen texts. Always asks first, because the existing clips are good."""
    planned = remaking.plan_remakes(draft_clips(queryset))

    def make() -> None:
        make_again(planned, requested_by=request.user.get_username())
        _log_made(pages, request, queryset, planned, "Made again.")

    question = _sent_back(queryset, "make_chosen_again")
    return pages.make_or_ask(request, planned, make, title="Make again", **question)


def _sent_back(chosen: Iterable[Narrative], name: str) -> dict[str, Any]:
    """Hidden fields and address with which an answer comes back as this action of the list."""
    hidden = [("action", name), *((ACTION_CHECKBOX_NAME, narrative.pk) for narrative in chosen)]
    return {"hidden": hidden, "back": reverse("admin:narratives_narrative_changelist")}


def _log_made(
    pages: StaffAdmin, request: HttpRequest, narratives: Iterable[Narrative], planned: Plan, says: str
) -> None:
    """Log on each narrative who had its clips made, with its share of the price."""
    wanted = [(narrative, draft_clips([narrative])) for narrative in narratives]
    for narrative, share in shares_of(planned, wanted):
        if share.missing:
            pages.log_change(request, narrative, f"{says} {being_made_in_words(share)}")
