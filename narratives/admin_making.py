"""Saving words and having their audio made in one press, whose price the button has told while they were
written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.forms import Script
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import path, reverse

from narratives.admin_deeds import Deeds
from narratives.drafts import clips_of_words, draft_clips, make_drafts
from ttscache import warming
from ttscache.pace import seconds_to_make
from ttscache.staff.pages import has_said_yes, is_asked_first
from ttscache.staff.wording import being_made_in_words, price
from ttscache.warming import Plan

TEXT_FIELD = re.compile(r"(\w+-\d+-)?text")  # of a narrative's form, or of a row of its journey's


class MakingPages(Deeds):
    class Media:
        js = (Script("narratives/price.js", type="module"),)

    def get_urls(self) -> list[Any]:
        name = f"narratives_{self.opts.model_name}"
        view = self.admin_site.admin_view
        return [
            path("price/", view(self.price_view), name=f"{name}_price"),
            path("<int:object_id>/make-drafts/", view(self.make_drafts_view), name=f"{name}_make_drafts"),
            *super().get_urls(),
        ]

    def has_write_and_make_permission(self, request: HttpRequest) -> bool:
        return self.has_make_permission(request) and request.user.has_perm("narratives.change_narrative")

    def page_context(self, request: HttpRequest, object_id: str | None) -> dict[str, Any]:
        context = super().page_context(request, object_id) | {"may_make": self.has_make_permission(request)}
        if self.has_write_and_make_permission(request):
            context["price_address"] = self._address("price")
        return context

    # --- the price on the button --------------------------------------------------------------------------
    def price_view(self, request: HttpRequest) -> HttpResponse:
        """What would be missing if this form were saved as it stands. Nothing is kept of its words."""
        if not self.has_write_and_make_permission(request):
            raise PermissionDenied
        planned = warming.plan(clips_of_words(_texts_in(request.POST)))
        return JsonResponse({"says": on_a_button(planned), "usd": planned.cost_usd})

    # --- the press ----------------------------------------------------------------------------------------
    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        if self._is_to_be_made(request):
            return self._make_saved(request, obj)
        return super().response_add(request, obj, post_url_continue)  # type: ignore[no-any-return]

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        if self._is_to_be_made(request):
            return self._make_saved(request, obj)
        return super().response_change(request, obj)

    def _is_to_be_made(self, request: HttpRequest) -> bool:
        return "_make" in request.POST and self.has_write_and_make_permission(request)

    def _make_saved(self, request: HttpRequest, saved: Any) -> HttpResponse:
        planned = warming.plan(draft_clips(self.narratives_of(saved)))
        if is_asked_first(request, planned):
            return self._ask_about_drafts(request, saved, planned)
        return self._make_drafts(request, saved, planned)

    def make_drafts_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """What is asked about after saving, when it is sent back."""
        saved = self.get_object(request, str(object_id))
        if saved is None:
            raise Http404
        if not self.has_write_and_make_permission(request):
            raise PermissionDenied
        planned = warming.plan(draft_clips(self.narratives_of(saved)))
        if planned.missing and not has_said_yes(request, planned):
            return self._ask_about_drafts(request, saved, planned)
        return self._make_drafts(request, saved, planned)

    def _ask_about_drafts(self, request: HttpRequest, saved: Any, planned: Plan) -> HttpResponse:
        return self.ask_to_make(
            request,
            planned,
            title=f"Make audio: {saved}",
            more="The words are saved as they are, whatever you choose.",
            action=self._address("make_drafts", saved.pk),
            back=self.page_of(saved),
        )

    def _make_drafts(self, request: HttpRequest, saved: Any, planned: Plan) -> HttpResponse:
        if planned.missing:
            make_drafts(self.narratives_of(saved), asked_by=request.user.get_username())
            self.log_change(request, saved, f"Made audio. {being_made_in_words(planned)}")
            self.say_being_made(request, planned)
        else:
            self.say_nothing_to_make(request, planned)
        return redirect(self.page_of(saved))

    def _address(self, page: str, *which: Any) -> str:
        return reverse(f"admin:narratives_{self.opts.model_name}_{page}", args=which)


def on_a_button(planned: Plan) -> str:
    """Count, characters, price and time in as few words as there can be."""
    number = len(planned.missing)
    if not number:
        return "every clip is there"
    clips = "1 clip" if number == 1 else f"{number:,} clips"
    seconds = max(1, round(seconds_to_make(number)))
    lasts = f"~{seconds} s" if seconds < 100 else f"~{round(seconds / 60)} min"
    return f"{clips}, {planned.characters:,} chars, {price(planned.cost_usd)}, {lasts}"


def _texts_in(form: Mapping[str, str]) -> Iterator[str]:
    """Of all narratives in it but those that are to be deleted."""
    for name in form:
        if TEXT_FIELD.fullmatch(name) and f"{name.removesuffix('text')}DELETE" not in form:
            yield form[name]
