"""Journeys, for staff: what is in them, what is published of them, what is made."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action
from unfold.enums import ActionVariant

from narratives.admin_copies import CopyPages
from narratives.admin_deeds import Press
from narratives.admin_deleted import DeletedFilter, DeletedList, DeletedPages
from narratives.admin_exchange import ExchangePages
from narratives.admin_going_live import GoingLive
from narratives.admin_inline import NarrativeInline
from narratives.admin_making import MakingPages
from narratives.admin_meanwhile import MeanwhileForm
from narratives.admin_narratives import NarrativeAdmin
from narratives.admin_preview import PreviewPages
from narratives.admin_publications import PublicationPages
from narratives.admin_writing import WritingPages
from narratives.copying import duplicate_journey
from narratives.deleting import delete_journeys, delete_narratives, restore_journeys
from narratives.drafts import (
    journey_clips,
    make_again,
    make_journey,
)
from narratives.models import Journey, Narrative, share_lexicon
from narratives.sounds import add_sounds, count_up_to_date
from ttscache import remaking, warming
from ttscache.staff.clip_widgets import progress_bar
from ttscache.staff.wording import being_made_in_words


class JourneyForm(MeanwhileForm):
    """Who may not publish does not change what listeners get at once. `may_publish` is set by the page."""

    may_publish = True

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance.is_live and not self.may_publish:
            for name in {"slug", "language"} & set(self.fields):
                self.fields[name].disabled = True

    def clean_is_default(self) -> bool:
        """Taking it away from another journey is a decision of its own."""
        is_default: bool = self.cleaned_data["is_default"]
        other = Journey.objects.filter(is_default=True).exclude(pk=self.instance.pk).first()
        if is_default and other is not None:
            raise ValidationError(f"“{other}” is the default now. Take it off there first.")
        return is_default


@admin.register(Journey)
class JourneyAdmin(
    GoingLive,
    PublicationPages,
    ExchangePages,
    WritingPages,
    PreviewPages,
    CopyPages,
    MakingPages,
    DeletedPages,
):
    form = JourneyForm
    inlines = (NarrativeInline,)
    list_display = ("title", "is_live", "is_default", "narrative_count", "changes", "readiness")
    deleted_list_display = ("title",)
    list_filter = (DeletedFilter,)
    search_fields = ("title",)
    change_form_before_template = "admin/narratives/seen.html"
    change_form_outer_before_template = "admin/narratives/journey/standing.html"
    prepopulated_fields = {"slug": ("title",)}  # noqa: RUF012 - as Django writes it
    fieldsets = (
        (None, {"fields": ("title", ("is_live", "is_default"))}),
        ("Technical", {"classes": ["collapse"], "fields": (("slug", "language"),)}),
    )
    further_actions = ("make_all_again", "duplicate", "import_file")  # links in the page's first line
    actions_detail = ("publish_changes", "make_missing", "versions", "preview", *further_actions)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[JourneyList]:
        return JourneyList

    @admin.display(description="Narratives")
    def narrative_count(self, journey: Journey) -> int:
        return len(journey.narratives.all())

    @admin.display(description="Not published yet")
    def changes(self, journey: Journey) -> str:
        changed = sum(narrative.is_ahead for narrative in journey.narratives.all())
        return f"{changed} with changes" if changed else ""

    @admin.display(description="Clips up to date")
    def readiness(self, journey: Journey) -> SafeString:
        return progress_bar(*count_up_to_date(journey.narratives.all()))

    # saving
    def get_readonly_fields(self, request: HttpRequest, obj: Journey | None = None) -> tuple[str, ...]:
        """What listeners get is for those to say who may publish."""
        given = tuple(super().get_readonly_fields(request, obj))
        return given if self.has_publish_permission(request) else (*given, "is_live", "is_default")

    def get_form(self, request: HttpRequest, obj: Journey | None = None, **options: Any) -> Any:
        form = super().get_form(request, obj, **options)
        form.may_publish = self.has_publish_permission(request)
        return form

    def narratives_of(self, saved: Journey) -> list[Narrative]:
        return share_lexicon(saved.narratives.select_related("live", "pending", "journey"))

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """What was marked to go goes when all else is saved, in one, so that it can be undone in one."""
        super().save_formset(request, form, formset, change)
        for title, text in formset.gone:
            says = f"“{title}” has been deleted since you opened the page; not saved: “{text}”"
            self.message_user(request, says, messages.WARNING)
        if formset.deleted_objects:
            delete_narratives(formset.deleted_objects, by=request.user.get_username())
            self.narrative_pages.say_deleted(request, formset.deleted_objects, back=request.path)

    @property
    def narrative_pages(self) -> NarrativeAdmin:
        pages = self.admin_site.get_model_admin(Narrative)
        assert isinstance(pages, NarrativeAdmin)
        return pages

    # copying and deleting
    def copy_of(self, thing: Journey) -> Journey:
        return duplicate_journey(thing)

    def copy_in_words(self, thing: Journey) -> str:
        return (
            f"A copy of “{thing}” with all of its texts as they are written now, as drafts. It is not live."
        )

    def deleted_things(self) -> QuerySet[Journey]:
        return Journey.everything.filter(deleted_at__isnull=False)

    def delete_things(self, things: Iterable[Journey], by: str) -> None:
        delete_journeys(things, by=by)

    def restore_things(self, things: Iterable[Journey], by: str) -> list[Journey]:
        return restore_journeys(things, by=by)

    # deeds
    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[UnfoldAction]:
        """Those of the bar, which has no room for all."""
        return [each for each in self._may_do(request, object_id) if not self._is_further(each)]

    def page_context(self, request: HttpRequest, object_id: str | None) -> dict[str, Any]:
        further = [each for each in self._may_do(request, object_id) if object_id and self._is_further(each)]
        links = [
            (each.description, reverse(f"admin:{each.action_name}", args=[object_id])) for each in further
        ]
        return super().page_context(request, object_id) | {"links": links}

    def _may_do(self, request: HttpRequest, object_id: Any) -> list[UnfoldAction]:
        actions: list[UnfoldAction] = super().get_actions_detail(request, object_id)
        return actions

    def _is_further(self, each: UnfoldAction) -> bool:
        return each.action_name.removeprefix("narratives_journey_") in self.further_actions

    @action(description="Make missing clips", url_path="make", permissions=["make"], icon="graphic_eq")  # type: ignore[untyped-decorator]
    def make_missing(self, request: HttpRequest, object_id: str) -> HttpResponse:
        journey, narratives = self._found(request, object_id)
        planned = warming.plan(journey_clips(journey, narratives))

        def make() -> None:
            make_journey(journey, narratives, asked_by=request.user.get_username())
            self.log_change(request, journey, f"Made missing clips. {being_made_in_words(planned)}")

        title = f"Make missing clips: {journey}"
        return self.make_after_a_yes(request, planned, make, title=title, back=self.page_of(journey))

    @action(description="Make all again …", url_path="make-again", permissions=["make"])  # type: ignore[untyped-decorator]
    def make_all_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Every clip of it that is there."""
        journey, narratives = self._found(request, object_id)
        planned = remaking.plan(journey_clips(journey, narratives))

        def make() -> None:
            make_again(planned, asked_by=request.user.get_username())
            self.log_change(request, journey, f"Made all again. {being_made_in_words(planned)}")

        title = f"Make all again: {journey}"
        return self.make_after_a_yes(request, planned, make, title=title, back=self.page_of(journey))

    @action(  # type: ignore[untyped-decorator]
        description="Publish changes",
        url_path="publish",
        permissions=["publish"],
        icon="publish",
        variant=ActionVariant.PRIMARY,
    )
    def publish_changes(self, request: HttpRequest, object_id: str) -> HttpResponse:
        journey, narratives = self._found(request, object_id)
        press = Press.of(narratives)
        if not press.ahead or self.has_agreed(request, press.fingerprint):
            self.publish(request, press)
            return self._back_to(journey)
        return self.ask_to_publish(request, journey, press)

    def ask_to_publish(self, request: HttpRequest, saved: Journey, press: Press) -> HttpResponse:
        action = reverse("admin:narratives_journey_publish_changes", args=[saved.pk])
        return self.ask_about(
            request, press, title=f"Publish changes: {saved}", action=action, back=self.page_of(saved)
        )

    def _found(self, request: HttpRequest, object_id: str) -> tuple[Journey, list[Narrative]]:
        journey = self.get_object(request, object_id)
        if journey is None:
            raise Http404
        return journey, self.narratives_of(journey)

    def _back_to(self, journey: Journey) -> HttpResponse:
        return redirect(self.page_of(journey))


class JourneyList(DeletedList):
    """Looks up the narratives and sounds of all journeys of a page at once."""

    def get_queryset(self, *args: Any, **options: Any) -> QuerySet[Journey]:
        journeys: QuerySet[Journey] = super().get_queryset(*args, **options)
        return journeys.prefetch_related(
            Prefetch("narratives", Narrative.objects.select_related("live", "pending", "journey"))
        )

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        add_sounds(narrative for journey in self.result_list for narrative in journey.narratives.all())
