"""Base classes of our staff pages: permissions, and confirmation pages before an action."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import BadRequest, ValidationError
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from unfold.admin import ModelAdmin

from ttscache.conf import conf
from ttscache.staff.wording import being_made_in_words, in_words, listed
from ttscache.warming import Plan

ROUNDING_USD = 1e-9  # a form carries prices with nine decimals
ASK_TO_MAKE = {"title": "Make missing clips", "verb": "Make them"}
ASK_TO_MAKE_AGAIN = {
    "verb": "Make them again",
    "more": "The old clip plays until the new one is ready, and stays if the new one cannot be made.",
}


class StaffAdmin(ModelAdmin):  # type: ignore[misc]
    list_per_page = 50
    warn_unsaved_form = True
    confirmation_template = "ttscache/staff/confirm.html"  # an app may extend it with a template of its own

    # permissions
    def has_make_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Whether the user may make clips, which costs money."""
        return self.has_view_permission(request) and request.user.has_perm("ttscache.make_clip")

    # actions of a list
    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        # Django filters by these ids unchecked: a malformed one would end in a 500.
        key = self.opts.pk
        try:
            for chosen in request.POST.getlist(ACTION_CHECKBOX_NAME):
                key.run_validators(key.to_python(chosen))
        except ValidationError as error:
            raise BadRequest("the chosen rows are not in this list") from error
        return super().response_action(request, queryset)

    # the page of one object
    def page_context(self, request: HttpRequest, object_id: str | None) -> dict[str, Any]:
        """Further context for the page of one object. `object_id` is None on the page for a new one."""
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

    def get_or_404(self, request: HttpRequest, object_id: int | str) -> Any:
        found = self.get_object(request, str(object_id))
        if found is None:
            raise Http404
        return found

    def show(self, request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
        """Render a page of our own in the frame of the staff pages."""
        request.current_app = self.admin_site.name
        return TemplateResponse(request, template, {**self.admin_site.each_context(request), **context})

    # before an action
    def ask(self, request: HttpRequest, **question: Any) -> TemplateResponse:
        """Render a confirmation page. It posts `confirmed` to the same address; see `is_confirmed`."""
        return self.show(request, self.confirmation_template, **question)

    def ask_to_make(self, request: HttpRequest, planned: Plan, **question: Any) -> TemplateResponse:
        """Ask with the plan's price. The form sends the price back, so that a yes covers no higher one."""
        if is_confirmed(request):
            self.message_user(
                request, "The price has risen since you looked. Please check it again.", messages.WARNING
            )
        words = ASK_TO_MAKE_AGAIN if planned.remake else ASK_TO_MAKE
        summary = in_words(planned, "made again" if planned.remake else "missing")
        hidden = [*question.pop("hidden", []), ("shown_usd", f"{planned.cost_usd:.9f}")]
        given = {**words, "summary": summary, **question}
        return self.ask(request, **given, hidden=hidden, planned=planned, clips=listed(planned))

    def make_after_a_yes(
        self, request: HttpRequest, planned: Plan, make: Callable[[], None], *, back: str, **question: Any
    ) -> HttpResponse:
        """Ask with the plan's price; then call `make`, which logs who did it, and redirect to `back`."""
        return self.make_or_ask(request, planned, make, back=back, **question) or redirect(back)

    def make_or_ask(
        self,
        request: HttpRequest,
        planned: Plan,
        make: Callable[[], None],
        *,
        asks: bool = True,
        **question: Any,
    ) -> HttpResponse | None:
        """Call `make`, which logs who did it, and tell the user; or return the question to answer first."""
        if planned.missing:
            if asks and not is_confirmed(request, planned):
                return self.ask_to_make(request, planned, **question)
            make()
            self.message_user(request, being_made_in_words(planned), messages.SUCCESS)
        elif planned.remake:
            says = (
                "Nothing can be made again: there is no clip yet, it is already being made, or its voice "
                "model was switched off."
            )
            self.message_user(request, says, messages.INFO)
        else:
            says = "All clips are ready; there is nothing to make."
            self.message_user(request, says, messages.SUCCESS)
        return None

    # after an action
    def log_and_tell(self, request: HttpRequest, thing: Model, says: str) -> None:
        """Write the sentence into the object's history and show it to the user."""
        self.log_change(request, thing, says)
        self.message_user(request, says, messages.SUCCESS)


class ReadOnlyAdmin(StaffAdmin):
    """Pages for rows that only the system writes."""

    warn_unsaved_form = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def column(title: str, field: str, shown: Callable[[Any], str]) -> Callable[[Any, Model], str]:
    """A column of a list, or a line of a page, that shows one field through `shown`."""

    @admin.display(description=title, ordering=field)
    def cell(pages: Any, row: Model) -> str:
        return shown(getattr(row, field))

    return cell


def is_asked_first(request: HttpRequest, planned: Plan) -> bool:
    """Whether to ask first: the price is above TTS_ASK_ABOVE_USD, or above the price on the button."""
    return planned.cost_usd > min(_shown_usd(request) + ROUNDING_USD, conf().ask_above_usd)


def is_confirmed(request: HttpRequest, planned: Plan | None = None) -> bool:
    """Whether the request confirms a question. With a plan, it must have shown at least its price."""
    said = request.method == "POST" and "confirmed" in request.POST
    if planned is None or "shown_usd" not in request.POST:
        return said
    return said and planned.cost_usd <= _shown_usd(request) + ROUNDING_USD


def _shown_usd(request: HttpRequest) -> float:
    try:
        return float(request.POST.get("shown_usd", ""))
    except ValueError:
        return 0.0
