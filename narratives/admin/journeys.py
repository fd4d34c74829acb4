"""The list of journeys for staff, and the page of each."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils.safestring import SafeString
from unfold.dataclasses import UnfoldAction

from narratives.admin import (
    default_journey,
    draft_allowance,
    going_live,
    import_export,
    making,
    preview,
    publications,
    publishing,
    publishing_wishes,
    soft_delete,
    text_estimates,
    versions,
)
from narratives.admin.base import PublishingAdmin
from narratives.admin.forms import JourneyForm
from narratives.admin.inlines import NarrativeInline
from narratives.editing.deleting import delete_narratives
from narratives.models import Journey, Narrative
from narratives.publishing import draft_changes_of, lock_publishing
from narratives.staff.clip_status import add_clip_statuses, count_up_to_date
from ttscache.staff.clip_widgets import progress_bar


@admin.register(Journey)
class JourneyAdmin(PublishingAdmin):
    form = JourneyForm
    inlines = (NarrativeInline,)
    list_display = ("title", "is_live", "is_default", "narrative_count", "changes", "readiness")
    list_filter = (soft_delete.DeletedFilter,)
    search_fields = ("title",)
    change_form_outer_before_template = "admin/narratives/journey/journey_status.html"
    prepopulated_fields = {"slug": ("title",)}  # noqa: RUF012 - as Django writes it
    fieldsets = (
        (None, {"fields": ("title", "description", ("is_live", "is_default"))}),
        ("Technical", {"classes": ["collapse"], "fields": (("slug", "language"),)}),
    )
    further_actions = (
        "make_default",
        "make_all_again",
        "duplicate",
        "import_file",
    )  # links: the bar has no room for them
    actions_list = ("set_allowance",)
    actions_detail = ("publish_changes", "make_missing", "versions", "preview", *further_actions)

    # Unfold looks up a button's function by its name in actions_detail and gives it a URL.
    publish_changes = publishing.publish_changes
    make_missing = making.make_missing
    make_default = default_journey.make_default
    make_all_again = making.make_all_again
    versions = versions.versions
    preview = preview.preview_journey
    set_allowance = draft_allowance.set_allowance
    import_file = import_export.import_file

    def get_urls(self) -> list[Any]:
        estimate = self.admin_site.admin_view(text_estimates.estimate_view)
        return [
            self.route("<int:object_id>/go-live/", going_live.go_live_view, "go_live"),
            self.route(
                "<int:object_id>/preview/api/narratives", preview.preview_playlist_view, "preview_playlist"
            ),
            self.route("<int:object_id>/ask/", publishing_wishes.ask_to_publish_view, "ask_to_publish"),
            self.route("<int:object_id>/take-back/", publishing_wishes.take_back_wish_view, "take_back_wish"),
            self.route("<int:object_id>/waiting/<slug:operation>/", publications.waiting_view, "waiting"),
            self.route(
                "<int:object_id>/versions/<int:number>/restore/", versions.restore_version_view, "restore"
            ),
            self.route("<path:object_id>/export-json/", import_export.export_json, "export_json"),
            self.route("<path:object_id>/export-csv/", import_export.export_csv, "export_csv"),
            path("estimate/", estimate, name="narratives_estimate"),
            *super().get_urls(),
        ]

    def page_context(self, request: HttpRequest, object_id: str | None) -> dict[str, Any]:
        context = super().page_context(request, object_id)
        journey: Journey | None = self.get_object(request, object_id) if object_id else None
        actions = super().get_actions_detail(request, object_id) if object_id else []
        context["links"] = [
            (each.description, reverse(f"admin:{each.action_name}", args=[object_id]))
            for each in actions
            if self._is_further(each)
            if not (each.action_name.endswith("_make_default") and journey and journey.is_default)
        ]
        if journey is not None:
            context |= publishing_wishes.context_for_editors(self, request, journey)
            context["waiting"] = publications.Waiting.of(journey)
            context["version"] = journey.live_version
            context["next_number"] = journey.next_number
        return context

    # --- the list ----------------------------------------------------------------------------------------
    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[JourneyList]:
        return JourneyList

    @admin.display(description="Narratives")
    def narrative_count(self, journey: Journey) -> int:
        return len(journey.narratives.all())

    @admin.display(description="Unpublished changes")
    def changes(self, journey: Journey) -> str:
        said: str = journey.draft_changes.in_words  # type: ignore[attr-defined]  # set by JourneyList
        return said

    @admin.display(description="Clips up to date")
    def readiness(self, journey: Journey) -> SafeString:
        return progress_bar(*count_up_to_date(journey.narratives.all()))

    # --- saving: only people who can publish change what listeners get -----------------------------------
    def has_import_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A file can change and add texts and change the lexicon, so importing needs all three rights."""
        rights = ("change_narrative", "add_narrative", "change_pronunciation")
        may: bool = request.user.has_perms(f"narratives.{right}" for right in rights)
        return may and self.has_change_permission(request)

    def get_readonly_fields(self, request: HttpRequest, obj: Journey | None = None) -> tuple[str, ...]:
        given = tuple(super().get_readonly_fields(request, obj))
        return given if self.has_publish_permission(request) else (*given, "is_live", "is_default")

    def get_form(self, request: HttpRequest, obj: Journey | None = None, **options: Any) -> Any:
        form = super().get_form(request, obj, **options)
        # Django builds a new form class for each request, so this setting does not reach others.
        form.may_publish = self.has_publish_permission(request)
        return form

    def save_model(self, request: HttpRequest, obj: Journey, form: Any, change: bool) -> None:
        lock_publishing()
        default_journey.wait_for_an_answer(obj, form)
        if change:
            going_live.keep_off_if_it_costs(obj, form)
        super().save_model(request, obj, form, change)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Delete all marked rows in one call, after the others are saved, so that one press undoes it."""
        super().save_formset(request, form, formset, change)
        for title, text in formset.gone:
            says = f"Somebody deleted “{title}” after you opened the page. Your text was not saved: “{text}”"
            self.message_user(request, says, messages.WARNING)
        if formset.deleted_objects:
            delete_narratives(formset.deleted_objects, by=request.user.get_username())
            soft_delete.say_deleted(self, request, Narrative, formset.deleted_objects, back=request.path)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        # After publishing, so that the clips of a new version are made as well.
        if going_live.goes_live(form):
            going_live.open_to_listeners(self, request, form.instance)

    def response_change(self, request: HttpRequest, obj: Journey) -> HttpResponse:
        question = going_live.ask_after_saving(self, request, obj)
        if question is not None:
            default_journey.say_it_is_not_asked(self, request, obj)
            return question
        return default_journey.ask_about_default(self, request, obj) or super().response_change(request, obj)

    def response_add(self, request: HttpRequest, obj: Journey, *args: Any, **options: Any) -> HttpResponse:
        return default_journey.ask_about_default(self, request, obj) or super().response_add(
            request, obj, *args, **options
        )

    # --- the bar of buttons ------------------------------------------------------------------------------
    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[UnfoldAction]:
        actions = super().get_actions_detail(request, object_id)
        return [each for each in actions if not self._is_further(each)]

    def _is_further(self, each: UnfoldAction) -> bool:
        return each.action_name.removeprefix("narratives_journey_") in self.further_actions


class JourneyList(soft_delete.DeletedList):
    """Loads the narratives and clips of all journeys on a page at once."""

    def get_queryset(self, *args: Any, **options: Any) -> QuerySet[Journey]:
        journeys: QuerySet[Journey] = super().get_queryset(*args, **options)
        return journeys.prefetch_related(
            Prefetch("narratives", Narrative.objects.select_related("live", "pending", "journey"))
        )

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        # Only now: get_results cuts the list down to one page.
        add_clip_statuses(narrative for journey in self.result_list for narrative in journey.narratives.all())
        changes = draft_changes_of([journey.pk for journey in self.result_list])
        for journey in self.result_list:
            journey.draft_changes = changes[journey.pk]
