"""Delete after one question, undo with one press, and list what can still be restored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString
from unfold.views import ChangeList

from narratives import publishing
from narratives.admin.permissions import has_listeners, may_delete_all
from narratives.editing.deleting import (
    DAYS_KEPT,
    delete_journeys,
    delete_narratives,
    restore_journeys,
    restore_narratives,
)
from narratives.models import Journey, Narrative, Publication
from ttscache import warming
from ttscache.staff.pages import StaffAdmin
from ttscache.staff.wording import in_words

Thing: TypeAlias = Journey | Narrative

PARAMETER = "deleted"
ON_ITS_PAGE = "Press “Resume” on the journey's page to make them."


# --- one entry per model --------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Deletion:
    """How to delete and restore rows of one model. `restorable` returns rows that can be restored alone."""

    delete: Callable[..., None]
    restore: Callable[..., Sequence[Thing]]
    restorable: Callable[[], QuerySet[Any]]


def deleted_journeys() -> QuerySet[Journey]:
    return Journey.everything.filter(deleted_at__isnull=False)


def deleted_narratives() -> QuerySet[Narrative]:
    """Leaves out texts of deleted journeys: restoring the journey restores them."""
    # Published texts are kept longer, for the versions of their journey.
    lately = timezone.now() - timedelta(days=DAYS_KEPT)
    deleted = Narrative.everything.filter(deleted_at__gte=lately, journey__deleted_at__isnull=True)
    return deleted.select_related("live", "pending", "journey")


DELETIONS: dict[type[Model], Deletion] = {
    Journey: Deletion(
        delete_journeys, lambda journeys, by: restore_journeys(journeys, by=by), deleted_journeys
    ),
    Narrative: Deletion(
        delete_narratives, lambda narratives, by: restore_narratives(narratives), deleted_narratives
    ),
}


# --- deleting -------------------------------------------------------------------------------------------
def delete(pages: StaffAdmin, request: HttpRequest, things: Iterable[Thing]) -> None:
    DELETIONS[pages.model].delete(things, by=request.user.get_username())


def question_about(things: Sequence[Thing]) -> dict[str, Any]:
    return {
        "title": f"Delete {_named(things)}",
        "summary": f"Are you sure you want to delete {_named(things)}?",
        "more": f"{_told_to_listeners(things)} You can undo this for {DAYS_KEPT} days.".strip(),
        "verb": "Delete",
    }


def _told_to_listeners(things: Sequence[Thing]) -> str:
    """Say what the deletion means for listeners; empty if they have none of these things."""
    lose = [thing for thing in things if has_listeners(thing)]
    keep = [
        thing for thing in things if isinstance(thing, Narrative) and thing.live and thing.journey.is_live
    ]
    if lose:
        return "Listeners lose it at once." if len(things) == 1 else f"Listeners lose {len(lose)} at once."
    if keep:
        them = "it" if len(keep) == 1 else "them"
        return f"This changes the draft. Listeners keep {them} until you publish the journey."
    return ""


@admin.action(description="Delete", permissions=["delete"])
def delete_selected(pages: StaffAdmin, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
    things = list(queryset)
    if not may_delete_all(pages, request, things):
        raise PermissionDenied
    if "post" not in request.POST:
        chosen = [(ACTION_CHECKBOX_NAME, str(thing.pk)) for thing in things]
        hidden = [("action", "delete_selected"), ("post", "yes"), *chosen]
        return pages.ask(request, **question_about(things), hidden=hidden, back=_list_of(pages.model))
    pages.log_deletions(request, things)
    delete(pages, request, things)
    say_deleted(pages, request, pages.model, things)
    return None


def say_deleted(
    pages: StaffAdmin, request: HttpRequest, model: type[Model], things: Iterable[Thing], back: str = ""
) -> None:
    """Show a message with an Undo button, which works on whatever page the message appears."""
    things = list(things)
    deleted = f"{_named(things)} {'is' if len(things) == 1 else 'are'} deleted."
    context = {
        "says": f"{deleted}{_told_after(request, things)}",
        "action": _undelete_address(model),
        "things": things,
        "back": back or _list_of(model),
    }
    # Rendered with the request, because the form in the message needs its CSRF token.
    html = render_to_string("admin/narratives/undo.html", context, request=request)
    pages.message_user(request, html, messages.SUCCESS)


def _told_after(request: HttpRequest, things: Iterable[Thing]) -> str:
    if "_publish" in request.POST:
        return ""  # deleted and published in one press: another message says what listeners get
    is_published = any(isinstance(each, Narrative) and each.live and each.journey.is_live for each in things)
    return " Listeners notice nothing until you publish." if is_published else ""


# --- restoring ------------------------------------------------------------------------------------------
def undelete_view(pages: StaffAdmin, request: HttpRequest) -> HttpResponse:
    """Restore: called by the Undo button of the message and by the rows of the deleted list."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    # 19 digits may overflow the database's 64-bit integer.
    chosen = [int(pk) for pk in request.POST.getlist("pk") if pk.isdecimal() and len(pk) < 19]
    _restore(pages, request, pages.model.everything.filter(pk__in=chosen, deleted_at__isnull=False))
    back = request.POST.get("back", "")
    # `back` comes from the browser, so it must not lead to another site.
    is_ours = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()})
    return redirect(back if is_ours else f"{_list_of(pages.model)}?{PARAMETER}=yes")


@admin.action(description="Restore", permissions=["delete"])
def restore_chosen(pages: StaffAdmin, request: HttpRequest, queryset: QuerySet[Any]) -> None:
    _restore(pages, request, queryset)


def _restore(pages: StaffAdmin, request: HttpRequest, things: Iterable[Thing]) -> None:
    things = list(things)
    if not may_delete_all(pages, request, things):
        raise PermissionDenied
    restored = DELETIONS[pages.model].restore(things, request.user.get_username())
    for thing in restored:
        pages.log_change(request, thing, "Deletion undone.")
    if restored:
        says = f"{_named(restored)} {'is' if len(restored) == 1 else 'are'} back."
        pages.message_user(request, says, messages.SUCCESS)
        _say_what_waits(pages, request, restored)
    else:
        pages.message_user(request, "There is nothing left to undo.", messages.INFO)


def _say_what_waits(pages: StaffAdmin, request: HttpRequest, restored: Iterable[Thing]) -> None:
    """Warn about versions that wait again: making their clips costs money, so somebody has to agree."""
    journeys = [thing for thing in restored if isinstance(thing, Journey)]
    for publication in Publication.objects.waiting().filter(journey__in=journeys):
        if publishing.is_paused(publication):
            missing = in_words(warming.plan(publishing.publication_clips(publication)))
            says = f"{publication} is waiting for audio again. {missing} {ON_ITS_PAGE}"
            pages.message_user(request, says, messages.WARNING)


# --- the list of deleted items --------------------------------------------------------------------------
def is_about_deleted(request: HttpRequest) -> bool:
    return PARAMETER in request.GET


def note_above_list(pages: StaffAdmin, request: HttpRequest) -> dict[str, Any]:
    """The context of deleted_note.html."""
    return {
        "deleted_count": DELETIONS[pages.model].restorable().count(),
        "is_about_deleted": is_about_deleted(request),
        "days_kept": DAYS_KEPT,
    }


@admin.display(description="Can be restored until", ordering="deleted_at")
def kept_until(thing: Thing) -> Any:
    return thing.deleted_at and (thing.deleted_at + timedelta(days=DAYS_KEPT)).date()


@admin.display(description="Restore")
def restoring(thing: Thing) -> SafeString:
    return format_html(
        '<button type="submit" class="text-link" name="pk" value="{}" formaction="{}"'
        ' aria-label="Restore: {}">Restore</button>',
        thing.pk,
        _undelete_address(type(thing)),
        thing,
    )


class DeletedFilter(admin.SimpleListFilter):
    title = "deleted"
    parameter_name = PARAMETER

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", f"Deleted in the last {DAYS_KEPT} days")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset  # DeletedList has applied it: the default manager hides deleted rows


class DeletedList(ChangeList):  # type: ignore[misc]
    """Lists either the present rows or the deleted ones, never both."""

    def get_queryset(self, request: HttpRequest, *args: Any, **options: Any) -> QuerySet[Any]:
        if is_about_deleted(request):
            self.root_queryset = DELETIONS[self.model].restorable()
        found: QuerySet[Any] = super().get_queryset(request, *args, **options)
        return found


def _undelete_address(model: type[Model]) -> str:
    return reverse(f"admin:narratives_{model._meta.model_name}_undelete")


def _list_of(model: type[Model]) -> str:
    return reverse(f"admin:narratives_{model._meta.model_name}_changelist")


def _named(things: Sequence[Thing]) -> str:
    if len(things) == 1:
        return f"“{things[0]}”"
    return f"{len(things)} {things[0]._meta.verbose_name_plural if things else 'texts'}"
