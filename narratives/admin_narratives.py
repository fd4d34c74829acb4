"""Narratives, for staff: one by one, and the list of all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from narratives import (
    needs,
    publishing,
)
from narratives.admin_copies import CopyPages
from narratives.admin_deeds import Press
from narratives.admin_deleted import DeletedFilter, DeletedList, DeletedPages
from narratives.admin_making import MakingPages
from narratives.admin_narrative_form import NarrativeForm
from narratives.admin_voices import VoicePages
from narratives.copying import duplicate_narrative
from narratives.deleting import delete_narratives, restore_narratives
from narratives.drafts import (
    draft_clips,
    make_again,
    make_drafts,
    save_draft,
)
from narratives.estimates import estimate, paces
from narratives.models import Narrative, share_lexicon
from narratives.sounds import add_sounds, sounds_of, state_of
from ttscache import remaking, warming
from ttscache.staff.pages import has_said_yes


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("published", "Published"),
            ("changed", "Draft with changes"),
            ("unpublished", "Not published"),
            ("ahead", "Changes not published yet"),
            ("failed", "With a clip that could not be made"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Narrative]) -> QuerySet[Narrative]:
        if self.value() == "unpublished":
            return queryset.filter(live__isnull=True)
        look = {"ahead": needs.to_publish, "failed": needs.with_failed_clips}.get(self.value() or "")
        if look is not None:
            found = look(queryset.select_related("live", "pending", "journey"))
            return queryset.filter(pk__in=[each.pk for each in found])
        if self.value() not in ("published", "changed"):
            return queryset
        # What the lexicon makes of a text, no database can say.
        published = share_lexicon(queryset.filter(live__isnull=False).select_related("live", "pending"))
        is_wanted = self.value() == "changed"
        return queryset.filter(pk__in=[each.pk for each in published if each.has_changes == is_wanted])


@admin.register(Narrative)
class NarrativeAdmin(VoicePages, MakingPages, CopyPages, DeletedPages):
    form = NarrativeForm
    change_form_before_template = "admin/narratives/seen.html"
    list_display = ("title", "journey", "kind", "place", "state", "sound")
    deleted_list_display = ("title", "journey", "kind")
    list_filter = ("journey", "kind", StateFilter, DeletedFilter)
    list_select_related = ("journey", "live", "pending")
    search_fields = ("title", "text")
    search_help_text = "Words of the title or the text"
    ordering = ("journey", "position", "pk")
    actions = ("publish_chosen", "make_chosen", "make_chosen_again")
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

    def get_queryset(self, request: HttpRequest) -> QuerySet[Narrative]:
        return super().get_queryset(request).select_related("live", "pending", "journey")  # type: ignore[no-any-return]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[NarrativeList]:
        return NarrativeList

    def get_form(self, request: HttpRequest, obj: Narrative | None = None, **options: Any) -> Any:
        form = super().get_form(request, obj, **options)
        form.may_publish = self.has_publish_permission(request)
        return form

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

    # copying and deleting
    def copy_of(self, thing: Narrative) -> Narrative:
        return duplicate_narrative(thing)

    def copy_in_words(self, thing: Narrative) -> str:
        return (
            f"A copy of “{thing}” right behind it in “{thing.journey}”, as a draft that listeners do not get."
        )

    def deleted_things(self) -> QuerySet[Narrative]:
        """Those of a deleted journey come back with it."""
        deleted = Narrative.everything.filter(deleted_at__isnull=False, journey__deleted_at__isnull=True)
        return deleted.select_related("live", "pending", "journey")

    def delete_things(self, things: Iterable[Narrative], by: str) -> None:
        delete_narratives(things, by=by)

    def restore_things(self, things: Iterable[Narrative], by: str) -> list[Narrative]:
        return restore_narratives(things, by=by)

    # deeds
    @admin.action(description="Publish", permissions=["publish"])
    def publish_chosen(self, request: HttpRequest, queryset: QuerySet[Narrative]) -> HttpResponse | None:
        """Asks first when it costs money."""
        press = Press.of(share_lexicon(queryset))
        if (has_said_yes(request) or press.costs_money) and not self.has_agreed(request, press.fingerprint):
            return self.ask_to_publish(request, None, press)
        self.publish(request, press)
        return None

    def ask_to_publish(self, request: HttpRequest, saved: Narrative | None, press: Press) -> HttpResponse:
        """Sent back as the action of the list."""
        chosen = [(ACTION_CHECKBOX_NAME, narrative.pk) for narrative in press.narratives]
        narratives_page = reverse("admin:narratives_narrative_changelist")
        return self.ask_about(
            request,
            press,
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
            self.say_nothing_to_make(request, planned)
            return None
        if planned.cost_usd > 0 and not has_said_yes(request, planned):
            return self.ask_to_make(request, planned, **self._sent_back(queryset, "make_chosen"))
        make_drafts(queryset, asked_by=request.user.get_username())
        self.log_made(request, queryset, planned, "Made missing clips.")
        self.say_being_made(request, planned)
        return None

    @admin.action(description="Make again", permissions=["make"])
    def make_chosen_again(self, request: HttpRequest, queryset: QuerySet[Narrative]) -> HttpResponse | None:
        """Asks first, whatever it costs: the clips are good."""
        planned = remaking.plan(draft_clips(queryset))
        if not planned.missing:
            self.say_nothing_to_make(request, planned)
            return None
        if not has_said_yes(request, planned):
            sent_back = self._sent_back(queryset, "make_chosen_again")
            return self.ask_to_make(request, planned, title="Make again", **sent_back)
        make_again(planned, asked_by=request.user.get_username())
        self.log_made(request, queryset, planned, "Made again.")
        self.say_being_made(request, planned)
        return None

    def _sent_back(self, chosen: Iterable[Narrative], action: str) -> dict[str, Any]:
        """What a question on this page needs, to come back as an action of the list."""
        hidden = [("action", action), *((ACTION_CHECKBOX_NAME, narrative.pk) for narrative in chosen)]
        return {"hidden": hidden, "back": reverse("admin:narratives_narrative_changelist")}


class NarrativeList(DeletedList):
    """Looks up the sounds of a page of narratives at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        add_sounds(self.result_list)
