"""The list of texts for staff, and the page of each."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from narratives.admin import clip_of_voice, making, publishing, publishing_wishes, soft_delete
from narratives.admin.base import PublishingAdmin
from narratives.admin.forms import NarrativeForm
from narratives.editing.drafts import save_draft
from narratives.models import Narrative
from narratives.publishing import lock_publishing
from narratives.staff import action_items
from narratives.staff.clip_status import add_clip_statuses, add_draft_changes, clip_statuses_of, state_of
from narratives.staff.text_estimates import estimate, paces


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("published", "Published"),
            ("changed", "Draft with changes"),
            ("unpublished", "Not published"),
            ("ahead", "Unpublished changes"),
            ("failed", "A clip failed"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Narrative]) -> QuerySet[Narrative]:
        if self.value() == "unpublished":
            return queryset.filter(live__isnull=True)
        looks = {"ahead": action_items.to_publish, "failed": action_items.with_failed_clips}
        look = looks.get(self.value() or "")
        if look is not None:
            found = look(queryset.select_related("live", "pending", "journey"))
            return queryset.filter(pk__in=[each.pk for each in found])
        if self.value() not in ("published", "changed"):
            return queryset
        # The database cannot apply the lexicon, so the texts are compared here.
        published = queryset.filter(live__isnull=False)
        changed = [each.pk for each in action_items.to_publish(published)]
        wanted = published.filter(pk__in=changed)
        return wanted if self.value() == "changed" else published.exclude(pk__in=changed)


@admin.register(Narrative)
class NarrativeAdmin(PublishingAdmin):
    form = NarrativeForm
    change_form_outer_before_template = "admin/narratives/editor_bar.html"
    list_display = ("title", "journey", "kind", "place", "state", "sound")
    deleted_list_display = ("title", "journey", "kind")
    list_filter = ("journey", "kind", StateFilter, soft_delete.DeletedFilter)
    list_select_related = ("journey", "live", "pending")
    search_fields = ("title", "text")
    search_help_text = "Words of the title or the text"
    ordering = ("journey", "position", "pk")
    actions = (publishing.publish_chosen, making.make_chosen, making.make_chosen_again)
    actions_detail = ("duplicate",)
    prepopulated_fields = {"slug": ("title",)}  # noqa: RUF012 - as Django writes it
    readonly_fields = ("estimated", "state", "sound", "live_words", "edited_at", "published_at")
    fieldsets = (
        (None, {"fields": (("title", "kind"), "text", "estimated", "sound", "state", "live_words")}),
        (
            "More",
            {
                "classes": ["collapse"],
                "fields": ("journey", ("stage", "theme"), ("edited_at", "published_at")),
            },
        ),
        ("Technical", {"classes": ["collapse"], "fields": ("slug",)}),
    )
    add_fieldsets = (
        (None, {"fields": ("journey", ("title", "kind"), "text")}),
        ("More", {"classes": ["collapse"], "fields": (("stage", "theme"),)}),
        ("Technical", {"classes": ["collapse"], "fields": ("slug",)}),
    )

    def get_urls(self) -> list[Any]:
        return [
            self.route("<int:object_id>/make/<slug:voice>/", clip_of_voice.make_voice_view, "make"),
            self.route(
                "<int:object_id>/make-again/<slug:voice>/", clip_of_voice.make_voice_again_view, "make_again"
            ),
            *super().get_urls(),
        ]

    def page_context(self, request: HttpRequest, object_id: str | None) -> dict[str, Any]:
        context = super().page_context(request, object_id)
        narrative: Narrative | None = self.get_object(request, object_id) if object_id else None
        if narrative is not None:
            context |= publishing_wishes.context_for_editors(self, request, narrative)
        return context

    def get_queryset(self, request: HttpRequest) -> QuerySet[Narrative]:
        return super().get_queryset(request).select_related("live", "pending", "journey")  # type: ignore[no-any-return]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        found = super().get_object(request, object_id, from_field)
        if found is not None:
            found.may_make = self.has_make_permission(request)  # read by clip_statuses.html
        return found

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[NarrativeList]:
        return NarrativeList

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **options)
        if db_field.name == "slug":
            field.required = False  # save_draft makes it from the title
        return field

    @admin.display(description="State")
    def state(self, narrative: Narrative) -> SafeString:
        badge = state_of(narrative).html
        says = narrative.place_says  # type: ignore[attr-defined]  # set by state_of
        return format_html('{} <span class="narrative-reason">{}</span>', badge, says) if says else badge

    @admin.display(description="Audio")
    def sound(self, narrative: Narrative) -> SafeString:
        return render_to_string(
            "admin/narratives/clip_statuses.html",
            {"narrative": narrative, "clip_statuses": clip_statuses_of(narrative)},
        )

    @admin.display(description="Estimate")
    def estimated(self, narrative: Narrative) -> SafeString:
        told = estimate(narrative.text, narrative.lexicon, paces())
        return format_html(
            '<div data-estimate="{}">{}</div>',
            reverse("admin:narratives_estimate"),
            render_to_string("admin/narratives/estimate.html", {"estimate": told}),
        )

    @admin.display(description="Place", ordering="position")
    def place(self, narrative: Narrative) -> int:
        return narrative.position + 1

    @admin.display(description="What listeners get now")
    def live_words(self, narrative: Narrative) -> str:
        if narrative.live is None:
            return "Nothing yet."
        if not narrative.differs_from_live:
            return "The same text."
        journey = narrative.journey
        return format_html(
            '<span lang="{}" dir="{}">{}</span>', journey.language, journey.direction, narrative.live.text
        )

    @admin.display(description="Published")
    def published_at(self, narrative: Narrative) -> Any:
        return narrative.live and narrative.live.published_at

    def save_model(self, request: HttpRequest, obj: Narrative, form: Any, change: bool) -> None:
        lock_publishing()
        save_draft(obj, form.changed_data)


class NarrativeList(soft_delete.DeletedList):
    """Loads the clips of all narratives on a page at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        add_clip_statuses(self.result_list)
        add_draft_changes(self.result_list)
