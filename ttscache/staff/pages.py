"""What the staff pages of all our models share: who may do what, and how they ask before they act."""

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

ROUNDING_USD = 1e-9
ASK_TO_MAKE = {"title": "Make missing clips", "verb": "Make them"}
ASK_TO_MAKE_AGAIN = {
    "verb": "Make them again",
    "more": "Until a new one is there the old one plays, and if it cannot be made the old one stays.",
}


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

    def get_or_404(self, request: HttpRequest, object_id: int | str) -> Any:
        found = self.get_object(request, str(object_id))
        if found is None:
            raise Http404
        return found

    def show(self, request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
        """A page of our own, in the frame of the staff pages."""
        request.current_app = self.admin_site.name
        return TemplateResponse(request, template, {**self.admin_site.each_context(request), **context})

    # asking first
    def ask(self, request: HttpRequest, **question: Any) -> TemplateResponse:
        """A page that says what would happen, and goes ahead when it is sent back."""
        return self.show(request, self.confirmation_template, **question)

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
        """Call `make`, which notes who did it, and tell; or return the question to answer before that."""
        if planned.missing:
            if asks and not has_said_yes(request, planned):
                return self.ask_to_make(request, planned, **question)
            make()
            self.message_user(request, being_made_in_words(planned), messages.SUCCESS)
        elif planned.remake:
            says = (
                "Nothing to make again: no clip is there, it is being made already, or its voice model was "
                "switched off."
            )
            self.message_user(request, says, messages.INFO)
        else:
            says = "Every clip is there; nothing has to be made."
            self.message_user(request, says, messages.SUCCESS)
        return None

    # saying afterwards
    def log_and_tell(self, request: HttpRequest, thing: Model, says: str) -> None:
        """Note it in the history of the thing, and tell whoever did it."""
        self.log_change(request, thing, says)
        self.message_user(request, says, messages.SUCCESS)


class ReadOnlyAdmin(StaffAdmin):
    """Pages that show what the system wrote; nobody edits it by hand."""

    warn_unsaved_form = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def column(title: str, field: str, shown: Callable[[Any], str]) -> Callable[[Any, Model], str]:
    """A column of a list, or a line of a page, that words one field."""

    @admin.display(description=title, ordering=field)
    def cell(pages: Any, row: Model) -> str:
        return shown(getattr(row, field))

    return cell


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
