"""Deleting on staff pages: asked once, undone with a press; and a list of what can still be restored."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, TypeAlias

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString
from unfold.views import ChangeList

from narratives import publishing
from narratives.admin_deeds import Deeds, has_listeners
from narratives.deleting import DAYS_KEPT
from narratives.models import Journey, Narrative, Publication
from ttscache import warming
from ttscache.staff.wording import in_words

Thing: TypeAlias = Journey | Narrative

PARAMETER = "deleted"
ON_ITS_PAGE = "Nothing is made before somebody presses “Go on” on the page of the journey."


def is_about_deleted(request: HttpRequest) -> bool:
    return PARAMETER in request.GET


class DeletedFilter(admin.SimpleListFilter):
    title = "deleted"
    parameter_name = PARAMETER

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", f"Deleted in the last {DAYS_KEPT} days")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset  # the list has begun with these already


class DeletedList(ChangeList):  # type: ignore[misc]
    """Of what there is, or of what is deleted, and never of both."""

    def get_queryset(self, request: HttpRequest, *args: Any, **options: Any) -> QuerySet[Any]:
        if is_about_deleted(request):
            self.root_queryset = self.model_admin.deleted_things()
        found: QuerySet[Any] = super().get_queryset(request, *args, **options)
        return found


class DeletedPages(Deeds):
    deleted_list_display: Sequence[str] = ()
    delete_confirmation_template = "ttscache/staff/confirm.html"
    list_before_template = "admin/narratives/deleted_note.html"

    # --- what it is about, for those who know it -----------------------------------------------------------
    @abstractmethod
    def deleted_things(self) -> QuerySet[Any]:
        """Those that can be restored, one by one."""

    @abstractmethod
    def delete_things(self, things: Iterable[Any], by: str) -> None: ...

    @abstractmethod
    def restore_things(self, things: Iterable[Any], by: str) -> Sequence[Thing]: ...

    # --- deleting -----------------------------------------------------------------------------------------
    def get_deleted_objects(
        self, objs: Iterable[Thing], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Nothing is lost with them: what belongs to them comes back with them."""
        named = [str(thing) for thing in objs]
        refused = {str(self.opts.verbose_name)} if not self._may_delete(request, objs) else set()
        return named, {str(self.opts.verbose_name_plural): len(named)}, refused, []

    def _may_delete(self, request: HttpRequest, things: Iterable[Thing]) -> bool:
        return all(self.has_delete_permission(request, thing) for thing in things)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        thing = self.get_object(request, object_id)
        asked = self._question([thing]) | {"back": "../change/"} if thing is not None else {}
        return super().delete_view(request, object_id, asked | (extra_context or {}))  # type: ignore[no-any-return]

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.delete_things([obj], request.user.get_username())

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: Any) -> HttpResponse:
        self.say_deleted(request, self.model.everything.filter(pk=obj_id))
        return redirect(self._list)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """What is deleted can only be restored."""
        actions: dict[str, Any] = super().get_actions(request)
        if is_about_deleted(request):
            may_restore = self.has_delete_permission(request)
            return {"restore_chosen": self.get_action("restore_chosen")} if may_restore else {}
        if "delete_selected" in actions:
            actions["delete_selected"] = self.get_action("delete_selected")
        return actions

    @admin.action(description="Delete", permissions=["delete"])
    def delete_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        things = list(queryset)
        if not self._may_delete(request, things):
            raise PermissionDenied
        if "post" not in request.POST:
            chosen = [(ACTION_CHECKBOX_NAME, str(thing.pk)) for thing in things]
            hidden = [("action", "delete_selected"), ("post", "yes"), *chosen]
            return self.ask(request, **self._question(things), hidden=hidden, back=self._list)
        self.log_deletions(request, things)
        self.delete_things(things, request.user.get_username())
        self.say_deleted(request, things)
        return None

    def _question(self, things: Sequence[Thing]) -> dict[str, Any]:
        lose = [thing for thing in things if has_listeners(thing)]
        listeners = (
            "Listeners lose it at once." if len(things) == 1 else f"Listeners lose {len(lose)} at once."
        )
        return {
            "title": f"Delete {_named(things)}",
            "summary": f"Are you sure you want to delete {_named(things)}?",
            "more": f"{listeners if lose else ''} You can undo this for {DAYS_KEPT} days.",
            "verb": "Delete",
        }

    # --- taking it back -----------------------------------------------------------------------------------
    def say_deleted(self, request: HttpRequest, things: Iterable[Thing], back: str = "") -> None:
        """With a button that undoes it, wherever the message is read."""
        things = list(things)
        context = {
            "says": f"{_named(things)} {'is' if len(things) == 1 else 'are'} deleted.",
            "action": reverse(f"admin:{self._name}_undelete"),
            "things": things,
            "back": back or self._list,
        }
        html = render_to_string("admin/narratives/undo.html", context, request=request)
        self.message_user(request, html, messages.SUCCESS)

    def get_urls(self) -> list[Any]:
        undelete = self.admin_site.admin_view(self.undelete_view)
        return [path("undelete/", undelete, name=f"{self._name}_undelete"), *super().get_urls()]

    def undelete_view(self, request: HttpRequest) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        chosen = [int(pk) for pk in request.POST.getlist("pk") if pk.isdecimal() and len(pk) < 19]
        self.restore(request, self.model.everything.filter(pk__in=chosen, deleted_at__isnull=False))
        back = request.POST.get("back", "")
        is_ours = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()})
        return redirect(back if is_ours else f"{self._list}?{PARAMETER}=yes")

    @admin.action(description="Restore", permissions=["delete"])
    def restore_chosen(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self.restore(request, queryset)

    def restore(self, request: HttpRequest, things: Iterable[Thing]) -> None:
        """Those may who may delete them: it changes as much for listeners."""
        things = list(things)
        if not self._may_delete(request, things):
            raise PermissionDenied
        restored = self.restore_things(things, request.user.get_username())
        for thing in restored:
            self.log_change(request, thing, "Deletion undone.")
        if restored:
            says = f"{_named(restored)} {'is' if len(restored) == 1 else 'are'} back."
            self.message_user(request, says, messages.SUCCESS)
            self._say_what_waits(request, restored)
        else:
            self.message_user(request, "There is nothing to undo any more.", messages.INFO)

    def _say_what_waits(self, request: HttpRequest, restored: Iterable[Thing]) -> None:
        """For its sound, and for somebody to agree to its price."""
        journeys = {thing.journey if isinstance(thing, Narrative) else thing for thing in restored}
        for publication in Publication.objects.waiting().filter(journey__in=journeys):
            if publishing.is_paused(publication):
                missing = in_words(warming.plan(publishing.clips_of(publication)))
                says = f"{publication} waits for its sound again. {missing} {ON_ITS_PAGE}"
                self.message_user(request, says, messages.WARNING)

    # --- the list of what is deleted ----------------------------------------------------------------------
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        shown = {"is_about_deleted": is_about_deleted(request), "days_kept": DAYS_KEPT}
        deleted = {"deleted_count": self.deleted_things().count(), **shown}
        return super().changelist_view(request, deleted | (extra_context or {}))  # type: ignore[no-any-return]

    def get_list_display(self, request: HttpRequest) -> Sequence[str]:
        if is_about_deleted(request):
            told = (*self.deleted_list_display, "deleted_at", "deleted_by", "kept_until")
            return (*told, "restoring") if self.has_delete_permission(request) else told
        return super().get_list_display(request)  # type: ignore[no-any-return]

    def get_list_display_links(self, request: HttpRequest, list_display: Sequence[str]) -> Any:
        return None if is_about_deleted(request) else super().get_list_display_links(request, list_display)

    @admin.display(description="Can be restored until", ordering="deleted_at")
    def kept_until(self, thing: Thing) -> Any:
        return thing.deleted_at and (thing.deleted_at + timedelta(days=DAYS_KEPT)).date()

    @admin.display(description="Restore")
    def restoring(self, thing: Thing) -> SafeString:
        return format_html(
            '<button type="submit" class="text-link" name="pk" value="{}" formaction="{}"'
            ' aria-label="Restore: {}">Restore</button>',
            thing.pk,
            reverse(f"admin:{self._name}_undelete"),
            thing,
        )

    @property
    def _name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}"

    @property
    def _list(self) -> str:
        return reverse(f"admin:{self._name}_changelist")


def _named(things: Sequence[Thing]) -> str:
    if len(things) == 1:
        return f"“{things[0]}”"
    return f"{len(things)} {things[0]._meta.verbose_name_plural if things else 'texts'}"
