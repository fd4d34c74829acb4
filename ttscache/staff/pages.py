"""What the staff pages of all our models share: who may do what, and how they ask before they act."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import BadRequest, ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from unfold.admin import ModelAdmin

from ttscache.conf import conf
from ttscache.staff.wording import being_made_in_words, in_words, listed
from ttscache.warming import Plan

ROUNDING_USD = 1e-9
ASK_TO_MAKE = {"title": "Make missing clips", "verb": "Make them"}
ASK_TO_MAKE_AGAIN = {
    "verb": "Make them again",
    "more": "Until a new one is there the old one plays, and if it cannot be made the old one stays.",
}
NOTHING_MISSING = "Every clip is there; nothing has to be made."


class StaffAdmin(ModelAdmin):  # type: ignore[misc]
    list_per_page = 50
    warn_unsaved_form = True
    confirmation_template = "ttscache/staff/confirm.html"  # an app's own may extend it, to say more

    # who may
    def has_make_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Have clips made, which costs money."""
        return self.has_view_permission(request) and request.user.has_perm("ttscache.make_clip")

    # what was chosen in a list
    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        key = self.opts.pk
        try:
            for chosen in request.POST.getlist(ACTION_CHECKBOX_NAME):
                key.run_validators(key.to_python(chosen))
        except ValidationError as error:
            raise BadRequest("what was chosen is not in this list") from error
        return super().response_action(request, queryset)

    # the page of one thing
    def page_context(self, request: HttpRequest, object_id: str | None) -> dict[str, Any]:
        """What the page of one thing shows besides its form; None where it is a new one."""
        return {}

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        context = self.page_context(request, object_id) | (extra_context or {})
        return super().changeform_view(request, object_id, form_url, context)

    # asking first
    def ask(self, request: HttpRequest, **question: Any) -> TemplateResponse:
        """A page that says what would happen, and goes ahead when it is sent back."""
        request.current_app = self.admin_site.name
        context = {**self.admin_site.each_context(request), **question}
        return TemplateResponse(request, self.confirmation_template, context)

    def ask_to_make(self, request: HttpRequest, planned: Plan, **question: Any) -> TemplateResponse:
        """At the price of the plan, which comes back with the yes."""
        if has_said_yes(request):
            self.message_user(
                request, "It costs more by now than when you looked. This is how it is now.", messages.WARNING
            )
        words = ASK_TO_MAKE_AGAIN if planned.remake else ASK_TO_MAKE
        summary = in_words(planned, "made again" if planned.remake else "missing")
        hidden = [*question.pop("hidden", []), ("shown_usd", f"{planned.cost_usd:.9f}")]
        given = {**words, "summary": summary, **question}
        return self.ask(request, **given, hidden=hidden, planned=planned, clips=listed(planned))

    def make_after_a_yes(
        self, request: HttpRequest, planned: Plan, make: Callable[[], None], *, back: str, **question: Any
    ) -> HttpResponse:
        """Ask at the price of the plan; then `make`, which notes who did it, and go back."""
        if not planned.missing:
            self.say_nothing_to_make(request, planned)
        elif not has_said_yes(request, planned):
            return self.ask_to_make(request, planned, back=back, **question)
        else:
            make()
            self.say_being_made(request, planned)
        return redirect(back)

    # saying afterwards
    def say_being_made(self, request: HttpRequest, planned: Plan) -> None:
        self.message_user(request, being_made_in_words(planned), messages.SUCCESS)

    def say_nothing_to_make(self, request: HttpRequest, planned: Plan) -> None:
        if planned.remake:
            says = (
                "Nothing to make again: no clip is there, it is being made already, or its voice model was "
                "switched off."
            )
            self.message_user(request, says, messages.INFO)
        else:
            self.message_user(request, NOTHING_MISSING, messages.SUCCESS)


class ReadOnlyAdmin(StaffAdmin):
    """Pages that show what the system wrote; nobody edits it by hand."""

    warn_unsaved_form = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def is_asked_first(request: HttpRequest, planned: Plan) -> bool:
    """Whether a press is not enough: it costs more than TTS_ASK_ABOVE_USD, or than the button has shown."""
    return planned.cost_usd > min(_shown_usd(request) + ROUNDING_USD, conf().ask_above_usd)


def has_said_yes(request: HttpRequest, planned: Plan | None = None) -> bool:
    """Whether this is the answer to a question; with a plan, to one that has named at least its price."""
    said = request.method == "POST" and "confirmed" in request.POST
    if planned is None or "shown_usd" not in request.POST:
        return said
    return said and planned.cost_usd <= _shown_usd(request) + ROUNDING_USD


def _shown_usd(request: HttpRequest) -> float:
    try:
        return float(request.POST.get("shown_usd", ""))
    except ValueError:
        return 0.0
