"""Writing, ordering, hearing, publishing: journeys and narratives for staff.

What staff type is a draft. Nothing is made for it unless they ask; listeners get it when it is published.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.views import ChangeList

from narratives import (
    admin_bank,  # noqa: F401 - registers its page
    admin_lexicon,  # noqa: F401 - registers its page
    admin_published,  # noqa: F401 - registers its page
    publishing,
)
from narratives.admin_exchange import ExchangePages
from narratives.admin_inline import NarrativeInline
from narratives.admin_making import MakingPages
from narratives.admin_publications import PublicationPages
from narratives.admin_voices import VoicePages
from narratives.admin_writing import WritingPages
from narratives.drafts import (
    draft_clips,
    journey_clips,
    make_again,
    make_drafts,
    make_journey,
    save_draft,
)
from narratives.estimates import estimate, paces
from narratives.models import Journey, Narrative, share_lexicon
from narratives.sounds import add_sounds, count_up_to_date, sounds_of, state_of
from ttscache import remaking, warming
from ttscache.admin_pages import has_said_yes
from ttscache.admin_widgets import in_words, progress_bar


# --- journeys --------------------------------------------------------------------------------------------
class JourneyForm(forms.ModelForm):  # type: ignore[type-arg]
    def clean_is_default(self) -> bool:
        """Taking it away from another journey is a decision of its own."""
        is_default: bool = self.cleaned_data["is_default"]
        other = Journey.objects.filter(is_default=True).exclude(pk=self.instance.pk).first()
        if is_default and other is not None:
            raise ValidationError(f"“{other}” is the default now. Take it off there first.")
        return is_default


@admin.register(Journey)
class JourneyAdmin(PublicationPages, ExchangePages, WritingPages, MakingPages):
    form = JourneyForm
    inlines = (NarrativeInline,)
    list_display = ("title", "is_live", "is_default", "narrative_count", "changes", "readiness")
    search_fields = ("title",)
    change_form_outer_before_template = "admin/narratives/journey/standing.html"
    prepopulated_fields = {"slug": ("title",)}  # noqa: RUF012 - as Django writes it
    fieldsets = (
        (None, {"fields": ("title", ("is_live", "is_default"))}),
        ("Technical", {"classes": ["collapse"], "fields": (("slug", "language"),)}),
    )
    actions_detail = (
        "publish_changes",
        "make_missing",
        "versions",
        {"title": "File", "items": ["export_json", "export_csv", "import_file"]},
    )

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

    def save_model(self, request: HttpRequest, obj: Journey, form: Any, change: bool) -> None:
        publishing.one_at_a_time()
        super().save_model(request, obj, form, change)

    def narratives_of(self, saved: Journey) -> list[Narrative]:
        return share_lexicon(saved.narratives.select_related("live", "pending", "journey"))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if "is_live" in form.changed_data and form.instance.is_live:
            self._go_live(request, form.instance)

    def _go_live(self, request: HttpRequest, journey: Journey) -> None:
        """Listeners can come from now on, so their clips are made."""
        published = [narrative for narrative in self.narratives_of(journey) if narrative.live is not None]
        planned = warming.plan(publishing.all_published_clips(journey))
        publishing.warm_live_journeys(asked_by=request.user.get_username())
        sound = in_words(planned, "being made") if planned.missing else "Their sound is there already."
        says = f"Listeners can take it now: {len(published)} published texts. {sound}"
        self.log_change(request, journey, says)
        self.message_user(request, says)

    # deeds
    @action(description="Make missing clips", url_path="make", permissions=["make"], icon="graphic_eq")  # type: ignore[untyped-decorator]
    def make_missing(self, request: HttpRequest, object_id: str) -> HttpResponse:
        journey, narratives = self._found(request, object_id)
        planned = warming.plan(journey_clips(journey, narratives))
        if not planned.missing:
            self.say_nothing_missing(request)
            return self._back_to(journey)
        if not has_said_yes(request):
            return self.ask_to_make(
                request, planned, title=f"Make missing clips: {journey}", back=self.page_of(journey)
            )
        make_journey(journey, narratives, asked_by=request.user.get_username())
        self.log_change(request, journey, f"Made missing clips. {in_words(planned, 'being made')}")
        self.say_being_made(request, planned)
        return self._back_to(journey)

    def get_urls(self) -> list[Any]:
        again = self.admin_site.admin_view(self.make_all_again)
        address = path("<int:object_id>/make-again/", again, name="narratives_journey_make_all_again")
        return [address, *super().get_urls()]

    def make_all_again(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Every clip of it that is there; the link stands beside its readiness."""
        if not self.has_make_permission(request):
            raise PermissionDenied
        journey, narratives = self._found(request, str(object_id))
        planned = remaking.plan(journey_clips(journey, narratives))
        if not planned.missing:
            self.say_nothing_to_make_again(request)
            return self._back_to(journey)
        if not has_said_yes(request):
            title = f"Make all again: {journey}"
            return self.ask_to_make_again(request, planned, title=title, back=self.page_of(journey))
        make_again(planned, asked_by=request.user.get_username())
        self.log_change(request, journey, f"Made all again. {in_words(planned, 'being made again')}")
        self.say_being_made_again(request, planned)
        return self._back_to(journey)

    @action(  # type: ignore[untyped-decorator]
        description="Publish changes",
        url_path="publish",
        permissions=["publish"],
        icon="publish",
        variant=ActionVariant.PRIMARY,
    )
    def publish_changes(self, request: HttpRequest, object_id: str) -> HttpResponse:
        journey, narratives = self._found(request, object_id)
        if has_said_yes(request) or not any(narrative.is_ahead for narrative in narratives):
            self.publish(request, narratives)
            return self._back_to(journey)
        return self.ask_to_publish(request, journey, narratives)

    def ask_to_publish(
        self, request: HttpRequest, saved: Journey, narratives: Sequence[Narrative]
    ) -> HttpResponse:
        action = reverse("admin:narratives_journey_publish_changes", args=[saved.pk])
        return self.ask_about(
            request, narratives, title=f"Publish changes: {saved}", action=action, back=self.page_of(saved)
        )

    def _found(self, request: HttpRequest, object_id: str) -> tuple[Journey, list[Narrative]]:
        journey = self.get_object(request, object_id)
        if journey is None:
            raise Http404
        return journey, self.narratives_of(journey)

    def _back_to(self, journey: Journey) -> HttpResponse:
        return redirect(self.page_of(journey))


class JourneyList(ChangeList):  # type: ignore[misc]
    """Looks up the narratives and sounds of all journeys of a page at once."""

    def get_queryset(self, *args: Any, **options: Any) -> QuerySet[Journey]:
        journeys: QuerySet[Journey] = super().get_queryset(*args, **options)
        return journeys.prefetch_related(
            Prefetch("narratives", Narrative.objects.select_related("live", "pending", "journey"))
        )

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        add_sounds(narrative for journey in self.result_list for narrative in journey.narratives.all())


# --- narratives ------------------------------------------------------------------------------------------
class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("published", "Published"),
            ("changed", "Draft with changes"),
            ("unpublished", "Not published"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Narrative]) -> QuerySet[Narrative]:
        if self.value() == "unpublished":
            return queryset.filter(live__isnull=True)
        if self.value() not in ("published", "changed"):
            return queryset
        # What the lexicon makes of a text, no database can say.
        published = share_lexicon(queryset.filter(live__isnull=False).select_related("live", "pending"))
        is_wanted = self.value() == "changed"
        return queryset.filter(pk__in=[each.pk for each in published if each.has_changes == is_wanted])


@admin.register(Narrative)
class NarrativeAdmin(VoicePages, MakingPages):
    list_display = ("title", "journey", "kind", "place", "state", "sound")
    list_filter = ("journey", "kind", StateFilter)
    list_select_related = ("journey", "live", "pending")
    search_fields = ("title", "text")
    search_help_text = "Words of the title or the text"
    ordering = ("journey", "position", "pk")
    actions = ("publish_chosen", "make_chosen", "make_chosen_again")
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

    def get_queryset(self, request: HttpRequest) -> QuerySet[Narrative]:
        return super().get_queryset(request).select_related("live", "pending", "journey")  # type: ignore[no-any-return]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[NarrativeList]:
        return NarrativeList

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **options)
        if db_field.name == "slug":
            field.required = False  # made from the title where it is left empty
        return field

    @admin.display(description="State")
    def state(self, narrative: Narrative) -> SafeString:
        return state_of(narrative).html

    @admin.display(description="Sound")
    def sound(self, narrative: Narrative) -> SafeString:
        return render_to_string(
            "admin/narratives/sounds.html", {"narrative": narrative, "sounds": sounds_of(narrative)}
        )

    @admin.display(description="As it is written")
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
        return narrative.live.text if narrative.has_changes else "The same words."

    @admin.display(description="Published")
    def published_at(self, narrative: Narrative) -> Any:
        return narrative.live and narrative.live.published_at

    # saving
    def save_model(self, request: HttpRequest, obj: Narrative, form: Any, change: bool) -> None:
        publishing.one_at_a_time()
        save_draft(obj, form.changed_data)

    def narratives_of(self, saved: Narrative) -> list[Narrative]:
        return share_lexicon([saved])

    # deeds
    @admin.action(description="Publish", permissions=["publish"])
    def publish_chosen(self, request: HttpRequest, queryset: QuerySet[Narrative]) -> HttpResponse | None:
        """Asks first when it costs money."""
        chosen = share_lexicon(queryset)
        if not has_said_yes(request) and self.costs_money(chosen):
            return self.ask_to_publish(request, None, chosen)
        self.publish(request, chosen)
        return None

    def ask_to_publish(
        self, request: HttpRequest, saved: Narrative | None, narratives: Sequence[Narrative]
    ) -> HttpResponse:
        """Sent back as the action of the list."""
        chosen = [(ACTION_CHECKBOX_NAME, narrative.pk) for narrative in narratives]
        narratives_page = reverse("admin:narratives_narrative_changelist")
        return self.ask_about(
            request,
            narratives,
            title="Publish",
            action=narratives_page,
            back=request.path if saved else narratives_page,
            hidden=[("action", "publish_chosen"), *chosen],
        )

    @admin.action(description="Make missing clips", permissions=["make"])
    def make_chosen(self, request: HttpRequest, queryset: QuerySet[Narrative]) -> HttpResponse | None:
        """Asks first when it costs money."""
        planned = warming.plan(draft_clips(queryset))
        if not planned.missing:
            self.say_nothing_missing(request)
            return None
        if planned.cost_usd > 0 and not has_said_yes(request):
            return self.ask_to_make(request, planned, **self._sent_back(queryset, "make_chosen"))
        make_drafts(queryset, asked_by=request.user.get_username())
        self.log_made(request, queryset, planned, "Made missing clips.", "being made")
        self.say_being_made(request, planned)
        return None

    @admin.action(description="Make again", permissions=["make"])
    def make_chosen_again(self, request: HttpRequest, queryset: QuerySet[Narrative]) -> HttpResponse | None:
        """Asks first, whatever it costs: the clips are good."""
        planned = remaking.plan(draft_clips(queryset))
        if not planned.missing:
            self.say_nothing_to_make_again(request)
            return None
        if not has_said_yes(request):
            sent_back = self._sent_back(queryset, "make_chosen_again")
            return self.ask_to_make_again(request, planned, title="Make again", **sent_back)
        make_again(planned, asked_by=request.user.get_username())
        self.log_made(request, queryset, planned, "Made again.", "being made again")
        self.say_being_made_again(request, planned)
        return None

    def _sent_back(self, chosen: Iterable[Narrative], action: str) -> dict[str, Any]:
        """What a question on this page needs, to come back as an action of the list."""
        hidden = [("action", action), *((ACTION_CHECKBOX_NAME, narrative.pk) for narrative in chosen)]
        return {"hidden": hidden, "back": reverse("admin:narratives_narrative_changelist")}


class NarrativeList(ChangeList):  # type: ignore[misc]
    """Looks up the sounds of a page of narratives at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        add_sounds(self.result_list)
