"""The ModelAdmin that journeys and texts share: save, publish, make, duplicate, delete, restore.

It only connects the hooks of Django's ModelAdmin to the modules that do the work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, ClassVar

from django.forms import Script
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse

from narratives.admin import draft_allowance, duplicating, making, publishing, soft_delete
from narratives.admin.permissions import has_listeners, has_publish_right, may_delete_all, may_write_and_make
from narratives.models import Journey, Narrative
from narratives.publishing import sync_pins
from ttscache.staff.pages import StaffAdmin


class PublishingAdmin(StaffAdmin):
    """The page of one draft, and the list of drafts."""

    list_before_template = "admin/narratives/deleted_note.html"
    change_form_before_template = "admin/narratives/seen_fields.html"
    confirmation_template = "admin/narratives/confirm.html"
    delete_confirmation_template = "ttscache/staff/confirm.html"
    deleted_list_display: ClassVar[Sequence[str]] = ("title",)

    duplicate = duplicating.duplicate  # Unfold looks up a button's function by name and gives it a URL

    class Media:
        js = (Script("narratives/price.js", type="module"),)

    def get_urls(self) -> list[Any]:
        # Before Django's own URLs, whose catch-all <path:object_id>/ would match these too.
        return [
            self.route("<int:object_id>/hear/", draft_allowance.hear_draft_view, "hear"),
            self.route("price/", making.price_view, "price"),
            self.route("<int:object_id>/make-drafts/", making.make_drafts_view, "make_drafts"),
            self.route("undelete/", soft_delete.undelete_view, "undelete"),
            *super().get_urls(),
        ]

    def route(self, address: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
        """Return a URL pattern, for staff only, of a view function that takes this ModelAdmin first."""
        staff_only = self.admin_site.admin_view(partial(view, self))
        pattern: URLPattern = path(address, staff_only, name=f"narratives_{self.opts.model_name}_{name}")
        return pattern

    # --- who may -----------------------------------------------------------------------------------------
    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Deleting a live journey takes it away from listeners at once, so it needs the right to publish."""
        may: bool = super().has_delete_permission(request, obj)
        return may and (not has_listeners(obj) or self.has_publish_permission(request))

    def has_publish_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request) and has_publish_right(request)

    def has_duplicate_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Copying a journey also adds texts, so it needs both rights."""
        return self.has_add_permission(request) and request.user.has_perm("narratives.add_narrative")

    def page_context(self, request: HttpRequest, object_id: str | None) -> dict[str, Any]:
        context = super().page_context(request, object_id) | {
            "is_draft": True,
            "can_publish": self.has_publish_permission(request),
            "may_make": self.has_make_permission(request),
        }
        if may_write_and_make(self, request):
            # The template shows the button "Save and make audio" only with this address.
            context["price_address"] = reverse(f"admin:narratives_{self.opts.model_name}_price")
        return context

    # --- saving ------------------------------------------------------------------------------------------
    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        # Everything is saved but not committed: pins and the publication are part of the same transaction.
        sync_pins()
        if "_publish" in request.POST and self.has_publish_permission(request):
            publishing.publish_saved(self, request, form.instance)

    def response_add(self, request: HttpRequest, obj: Any, *args: Any, **options: Any) -> HttpResponse:
        return making.make_saved(self, request, obj) or super().response_add(request, obj, *args, **options)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        # The button that was pressed decides: at most one of the first two answers.
        return (
            making.make_saved(self, request, obj)
            or publishing.answer_after_saving(self, request, obj)
            or super().response_change(request, obj)
        )

    # --- deleting and restoring --------------------------------------------------------------------------
    def get_deleted_objects(
        self, objs: Iterable[Journey | Narrative], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """List only the things themselves: deletion is soft, so related rows are kept."""
        named = [str(thing) for thing in objs]
        refused = set() if may_delete_all(self, request, objs) else {str(self.opts.verbose_name)}
        return named, {str(self.opts.verbose_name_plural): len(named)}, refused, []

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        thing = self.get_object(request, object_id)
        question = {} if thing is None else soft_delete.question_about([thing]) | {"back": "../change/"}
        return super().delete_view(request, object_id, question | (extra_context or {}))  # type: ignore[no-any-return]

    def delete_model(self, request: HttpRequest, obj: Journey | Narrative) -> None:
        soft_delete.delete(self, request, [obj])

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: Any) -> HttpResponse:
        # `everything`, because the default manager hides the row that was just deleted.
        soft_delete.say_deleted(self, request, self.model, self.model.everything.filter(pk=obj_id))
        return redirect(f"admin:narratives_{self.opts.model_name}_changelist")

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        if soft_delete.is_about_deleted(request):
            may_restore = self.has_delete_permission(request)
            return {"restore_chosen": self.get_action(soft_delete.restore_chosen)} if may_restore else {}
        actions: dict[str, Any] = super().get_actions(request)
        if "delete_selected" in actions:
            # Django's own action would remove the rows for good.
            actions["delete_selected"] = self.get_action(soft_delete.delete_selected)
        return actions

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = soft_delete.note_above_list(self, request) | (extra_context or {})
        return super().changelist_view(request, context)  # type: ignore[no-any-return]

    def get_list_display(self, request: HttpRequest) -> Sequence[Any]:
        if not soft_delete.is_about_deleted(request):
            return super().get_list_display(request)  # type: ignore[no-any-return]
        told = (*self.deleted_list_display, "deleted_at", "deleted_by", soft_delete.kept_until)
        return (*told, soft_delete.restoring) if self.has_delete_permission(request) else told

    def get_list_display_links(self, request: HttpRequest, list_display: Sequence[Any]) -> Any:
        if soft_delete.is_about_deleted(request):
            return None  # a deleted row has no page to link to
        return super().get_list_display_links(request, list_display)
