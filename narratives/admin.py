"""Writing, ordering, hearing, publishing: journeys and narratives for staff.

What staff type is a draft. Nothing is made for it unless they ask; listeners get it when it is published.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import ValidationError
from django.db.models import F, Prefetch, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.text import slugify
from unfold.admin import StackedInline
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.forms import PaginationInlineFormSet
from unfold.views import ChangeList

from narratives import publishing
from narratives.models import Journey, Narrative
from ttscache import warming
from ttscache.admin import MADE, NOT_MADE, Badge, StaffAdmin, badges_of, in_words, player
from ttscache.conf import conf
from ttscache.models import Clip
from ttscache.warming import Plan, Wanted

# --- how a narrative sounds ------------------------------------------------------------------------------
UP_TO_DATE = Badge("Up to date", "check_circle", "success", "Listeners hear exactly these words.")
READY = Badge(
    "Ready to publish", "task_alt", "info", "This is the new text; listeners get it when you publish."
)
OUT_OF_DATE = Badge(
    "Out of date", "sync_problem", "warning", "The text has changed since; this is what listeners hear."
)

LIVE = Badge("Live", "check_circle", "success")
WAITING = Badge("Published", "check_circle", "neutral", "Listeners get it once the journey is live.")
CHANGED = Badge(
    "Draft with changes", "edit", "warning", "Listeners keep the published words until you publish."
)
UNPUBLISHED = Badge("Not published", "visibility_off", "neutral", "Listeners do not get it yet.")


@dataclass(frozen=True, slots=True)
class Sound:
    """A narrative in one voice: how its sound stands to the text, and what can be heard now."""

    voice: str
    badge: Badge
    clip: Clip | None
    title: str

    @property
    def player(self) -> SafeString:
        return player(self.clip, voice=self.voice, says=self.title)

    @property
    def is_up_to_date(self) -> bool:
        return self.badge == UP_TO_DATE


def add_sounds(narratives: Iterable[Narrative]) -> None:
    """Give each narrative its `sounds`, one a listener voice: two queries, however many there are."""
    narratives = list(narratives)
    hashes = {content_hash for narrative in narratives for content_hash in _hashes(narrative)}
    clips = Clip.objects.defer("waveform").in_bulk(hashes, field_name="content_hash")
    badges = badges_of(clips.values())
    for narrative in narratives:
        narrative.sounds = [  # type: ignore[attr-defined]
            _sound(narrative, voice, clips, badges) for voice in conf().listener_voices
        ]


def sounds_of(narrative: Narrative) -> list[Sound]:
    if not hasattr(narrative, "sounds"):
        add_sounds([narrative])
    return narrative.sounds  # type: ignore[attr-defined, no-any-return]


def _hashes(narrative: Narrative) -> Iterable[str]:
    for voice in conf().listener_voices:
        yield narrative.draft_speech(voice).content_hash
        if narrative.live is not None:
            yield narrative.live.speech(voice).content_hash


def _sound(narrative: Narrative, voice: str, clips: dict[str, Clip], badges: dict[str, Badge]) -> Sound:
    draft = narrative.draft_speech(voice).content_hash
    live = narrative.live.speech(voice).content_hash if narrative.live is not None else ""
    badge = _standing(badges.get(draft, NOT_MADE), is_published=draft == live, was_published=bool(live))
    heard = draft if badge in (UP_TO_DATE, READY) else live
    return Sound(voice, badge, clips.get(heard), narrative.title)


def _standing(badge: Badge, *, is_published: bool, was_published: bool) -> Badge:
    """What the state of the draft's clip means to whoever reads the draft beside it."""
    if badge == MADE:
        return UP_TO_DATE if is_published else READY
    if badge == NOT_MADE and was_published and not is_published:
        return OUT_OF_DATE
    if badge.note or is_published or not was_published:
        return badge
    return replace(badge, note="Until it is there, this is what listeners hear.")


def state_of(narrative: Narrative) -> Badge:
    """What listeners get of it."""
    if narrative.live is None:
        return UNPUBLISHED
    if narrative.has_changes:
        return CHANGED
    return LIVE if narrative.journey.is_live else WAITING


# --- what staff can have done ----------------------------------------------------------------------------
def words_of(narratives: Iterable[Narrative]) -> list[Wanted]:
    """The words on the page, in every listener voice."""
    return [
        Wanted(narrative.draft_speech(voice), publishing.kind_of_clip(narrative))
        for narrative in narratives
        for voice in conf().listener_voices
    ]


def published_words(journey: Journey) -> list[Wanted]:
    return [
        wanted for voice in conf().listener_voices for wanted in publishing.published_clips(journey, voice)
    ]


def make_words(narratives: Iterable[Narrative]) -> None:
    """Make what is missing of the words on the page, published or not."""
    scope = f"chosen texts, {timezone.now():%d %b %Y %H:%M:%S.%f}"  # a new choice never joins an old one
    warming.start_run(scope, words_of(narratives))


def make_journey(journey: Journey, narratives: Sequence[Narrative]) -> None:
    """The same for all of a journey. Its published words first, in the runs that others may have begun."""
    for voice in conf().listener_voices:
        publishing.warm(journey, voice)
    drafts = [narrative for narrative in narratives if narrative.has_changes]
    if warming.plan(words_of(drafts)).missing:
        make_words(drafts)


def published_in_words(changed: Sequence[Narrative], planned: Plan) -> str:
    count = "1 text is published." if len(changed) == 1 else f"{len(changed)} texts are published."
    if not any(narrative.journey.is_live for narrative in changed):
        return f"{count} Listeners get them once the journey is live."
    if not planned.missing:
        return f"{count} Their sound is there already."
    return (
        f"{count} {in_words(planned)} The sound is being made now; until it is there, "
        "listeners of the new words may wait a moment for it."
    )


class Deeds(StaffAdmin):
    """Publishing and making, with their rights, questions and messages, for journeys and narratives alike."""

    def has_publish_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request) and request.user.has_perm("narratives.change_narrative")

    def has_make_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_publish_permission(request)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = {**(extra_context or {}), "can_publish": self.has_publish_permission(request)}
        return super().changeform_view(request, object_id, form_url, context)  # type: ignore[no-any-return]

    def publish(self, request: HttpRequest, narratives: Iterable[Narrative]) -> None:
        """Publish what has changed, note who did it, and say what it brings about."""
        changed = [narrative for narrative in narratives if narrative.has_changes]
        if not changed:
            self.message_user(
                request, "There is nothing to publish: listeners have these words.", messages.INFO
            )
            return
        planned = warming.plan(words_of(changed))
        publishing.publish(changed)
        for narrative in changed:
            self.log_change(request, narrative, "Published.")
        self.message_user(request, published_in_words(changed, planned), messages.SUCCESS)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        """Whoever publishes stays, to see the clips being made."""
        if "_publish" in request.POST:
            return redirect(request.path)
        return super().response_change(request, obj)  # type: ignore[no-any-return]

    def say_being_made(self, request: HttpRequest, planned: Plan) -> None:
        self.message_user(request, in_words(planned, "being made"), messages.SUCCESS)

    def say_nothing_missing(self, request: HttpRequest) -> None:
        self.message_user(request, "Every clip is there; nothing has to be made.", messages.SUCCESS)

    def ask(self, request: HttpRequest, **question: Any) -> TemplateResponse:
        """A page that says what would happen, and goes ahead when it is sent back."""
        request.current_app = self.admin_site.name
        context = {**self.admin_site.each_context(request), **question}
        return TemplateResponse(request, "admin/confirm.html", context)

    def ask_to_make(self, request: HttpRequest, planned: Plan, **question: Any) -> TemplateResponse:
        return self.ask(
            request,
            **{"title": "Make missing clips", "verb": "Make them", "summary": in_words(planned)} | question,
            planned=planned,
        )


def has_said_yes(request: HttpRequest) -> bool:
    return request.method == "POST" and "confirmed" in request.POST


# --- drafts ----------------------------------------------------------------------------------------------
def free_slug(narrative: Narrative) -> str:
    """A name for addresses that no other narrative of the journey has."""
    taken = set(narrative.journey.narratives.exclude(pk=narrative.pk).values_list("slug", flat=True))
    stem = slugify(narrative.title)[:40] or narrative.kind
    return next(slug for slug in _numbered(stem) if slug not in taken)


def _numbered(stem: str) -> Iterable[str]:
    yield stem
    number = 2
    while True:
        yield f"{stem}-{number}"
        number += 1


def give_place(new: Narrative) -> None:
    """Put a new narrative where staff expect it: a question before the outro, all else at the end."""
    others = list(new.journey.narratives.exclude(pk=new.pk))
    ends = [end for end, other in enumerate(others) if other.kind in (new.Kind.OUTRO, new.Kind.SYSTEM)]
    others.insert(ends[0] if new.is_question and ends else len(others), new)
    for position, narrative in enumerate(others):
        if narrative.position != position:
            narrative.position = position
            Narrative.objects.filter(pk=narrative.pk).update(position=position)


def save_draft(narrative: Narrative, changed_fields: Sequence[str]) -> None:
    """Save what staff typed. Listeners notice nothing."""
    is_new = narrative.pk is None
    if {"title", "text"} & set(changed_fields):
        narrative.edited_at = timezone.now()
    narrative.slug = narrative.slug or free_slug(narrative)
    narrative.save()
    if is_new:
        give_place(narrative)


# --- journeys --------------------------------------------------------------------------------------------
class NarrativeForms(PaginationInlineFormSet):  # type: ignore[misc]
    """The narratives of one journey, each with its sounds."""

    def get_queryset(self) -> QuerySet[Narrative]:
        narratives: QuerySet[Narrative] = super().get_queryset()
        if any(not hasattr(narrative, "sounds") for narrative in narratives):
            add_sounds(narratives)
            for narrative in narratives:
                narrative.standing = state_of(narrative)  # type: ignore[attr-defined]
        return narratives

    @property
    def summary(self) -> str:
        narratives = list(self.get_queryset())
        sounds = [sound for narrative in narratives for sound in sounds_of(narrative)]
        ready = sum(sound.is_up_to_date for sound in sounds)
        changed = sum(narrative.has_changes for narrative in narratives)
        drafts = f", {changed} with changes not published yet" if changed else ""
        return f"{len(narratives)} narratives{drafts}. {ready} of {len(sounds)} clips up to date."

    def save_new(self, form: Any, commit: bool = True) -> Any:
        return self._save_draft(super().save_new(form, commit=False), form, commit)

    def save_existing(self, form: Any, obj: Narrative, commit: bool = True) -> Any:
        return self._save_draft(super().save_existing(form, obj, commit=False), form, commit)

    def _save_draft(self, narrative: Narrative, form: Any, commit: bool) -> Narrative:
        if commit:
            save_draft(narrative, form.changed_data)
        return narrative


class NarrativeInline(StackedInline):  # type: ignore[misc]
    model = Narrative
    formset = NarrativeForms
    template = "admin/narratives/journey/narratives.html"
    fields = ("title", "kind", "text", "position")
    ordering_field = "position"
    hide_ordering_field = True
    extra = 0
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Narrative]:
        found: QuerySet[Narrative] = super().get_queryset(request).select_related("live", "journey")
        return found.order_by("position", "pk")

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        if db_field.name == "position":
            return db_field.formfield(widget=forms.HiddenInput)
        return super().formfield_for_dbfield(db_field, request, **options)


class JourneyForm(forms.ModelForm):  # type: ignore[type-arg]
    def clean_is_default(self) -> bool:
        """Taking it away from another journey is a decision of its own."""
        is_default: bool = self.cleaned_data["is_default"]
        other = Journey.objects.filter(is_default=True).exclude(pk=self.instance.pk).first()
        if is_default and other is not None:
            raise ValidationError(f"“{other}” is the default now. Take it off there first.")
        return is_default


@admin.register(Journey)
class JourneyAdmin(Deeds):
    form = JourneyForm
    inlines = (NarrativeInline,)
    list_display = ("title", "is_live", "is_default", "narrative_count", "changes", "readiness")
    search_fields = ("title",)
    prepopulated_fields = {"slug": ("title",)}  # noqa: RUF012 - as Django writes it
    fieldsets = (
        (None, {"fields": ("title", ("is_live", "is_default"))}),
        ("Technical", {"classes": ["collapse"], "fields": (("slug", "language"),)}),
    )
    actions_detail = ("publish_changes", "make_missing")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[JourneyList]:
        return JourneyList

    @admin.display(description="Narratives")
    def narrative_count(self, journey: Journey) -> int:
        return len(journey.narratives.all())

    @admin.display(description="Not published yet")
    def changes(self, journey: Journey) -> str:
        changed = sum(narrative.has_changes for narrative in journey.narratives.all())
        return f"{changed} with changes" if changed else ""

    @admin.display(description="Clips up to date")
    def readiness(self, journey: Journey) -> SafeString:
        sounds = [sound for narrative in journey.narratives.all() for sound in sounds_of(narrative)]
        ready = sum(sound.is_up_to_date for sound in sounds)
        return render_to_string("admin/clips/progress.html", {"ready": ready, "total": len(sounds)})

    # saving
    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Everything is saved now, and nothing committed."""
        super().save_related(request, form, formsets, change)
        publishing.hold_clips()
        if "_publish" in request.POST and self.has_publish_permission(request):
            self.publish(request, self._narratives(form.instance))
        if "is_live" in form.changed_data and form.instance.is_live:
            self._go_live(request, form.instance)

    def _go_live(self, request: HttpRequest, journey: Journey) -> None:
        """Listeners can come from now on, so their clips are made."""
        published = [narrative for narrative in self._narratives(journey) if narrative.live is not None]
        planned = warming.plan(published_words(journey))
        publishing.warm_live_journeys()
        sound = in_words(planned, "being made") if planned.missing else "Their sound is there already."
        self.message_user(request, f"Listeners can take it now: {len(published)} published texts. {sound}")

    def delete_model(self, request: HttpRequest, obj: Journey) -> None:
        super().delete_model(request, obj)
        publishing.hold_clips()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Journey]) -> None:
        super().delete_queryset(request, queryset)
        publishing.hold_clips()

    # deeds
    @action(description="Make missing clips", url_path="make", permissions=["make"], icon="graphic_eq")  # type: ignore[untyped-decorator]
    def make_missing(self, request: HttpRequest, object_id: str) -> HttpResponse:
        journey, narratives = self._found(request, object_id)
        planned = warming.plan([*published_words(journey), *words_of(narratives)])
        if not planned.missing:
            self.say_nothing_missing(request)
            return self._back_to(journey)
        if not has_said_yes(request):
            return self.ask_to_make(
                request, planned, title=f"Make missing clips: {journey}", back=self._page_of(journey)
            )
        make_journey(journey, narratives)
        self.say_being_made(request, planned)
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
        changed = [narrative for narrative in narratives if narrative.has_changes]
        if changed and not has_said_yes(request):
            planned = warming.plan(words_of(changed))
            return self.ask(
                request,
                title=f"Publish changes: {journey}",
                narratives=changed,
                planned=planned,
                summary=in_words(planned),
                verb="Publish",
                back=self._page_of(journey),
            )
        self.publish(request, changed)
        return self._back_to(journey)

    def _found(self, request: HttpRequest, object_id: str) -> tuple[Journey, list[Narrative]]:
        journey = self.get_object(request, object_id)
        if journey is None:
            raise Http404
        return journey, self._narratives(journey)

    def _narratives(self, journey: Journey) -> list[Narrative]:
        return list(journey.narratives.select_related("live", "journey"))

    def _page_of(self, journey: Journey) -> str:
        return reverse("admin:narratives_journey_change", args=[journey.pk])

    def _back_to(self, journey: Journey) -> HttpResponse:
        return redirect(self._page_of(journey))


class JourneyList(ChangeList):  # type: ignore[misc]
    """Looks up the narratives and sounds of all journeys of a page at once."""

    def get_queryset(self, *args: Any, **options: Any) -> QuerySet[Journey]:
        journeys: QuerySet[Journey] = super().get_queryset(*args, **options)
        return journeys.prefetch_related(Prefetch("narratives", Narrative.objects.select_related("live")))

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
        same = Q(live__title=F("title"), live__text=F("text"))
        states = {
            "published": queryset.filter(same),
            "changed": queryset.filter(live__isnull=False).exclude(same),
            "unpublished": queryset.filter(live__isnull=True),
        }
        return states.get(self.value() or "", queryset)


class NarrativeList(ChangeList):  # type: ignore[misc]
    """Looks up the sounds of a page of narratives at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        add_sounds(self.result_list)


@admin.register(Narrative)
class NarrativeAdmin(Deeds):
    list_display = ("title", "journey", "kind", "place", "state", "sound")
    list_filter = ("journey", "kind", StateFilter)
    list_select_related = ("journey", "live")
    search_fields = ("title", "text")
    search_help_text = "Words of the title or the text"
    ordering = ("journey", "position", "pk")
    actions = ("publish_chosen", "make_chosen")
    prepopulated_fields = {"slug": ("title",)}  # noqa: RUF012 - as Django writes it
    readonly_fields = ("state", "sound", "live_words", "edited_at", "published_at")
    fieldsets = (
        (None, {"fields": (("title", "kind"), "text", "sound", "state", "live_words")}),
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
        return super().get_queryset(request).select_related("live", "journey")  # type: ignore[no-any-return]

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
        save_draft(obj, form.changed_data)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        publishing.hold_clips()
        if "_publish" in request.POST and self.has_publish_permission(request):
            self.publish(request, [form.instance])

    def delete_model(self, request: HttpRequest, obj: Narrative) -> None:
        super().delete_model(request, obj)
        publishing.hold_clips()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Narrative]) -> None:
        super().delete_queryset(request, queryset)
        publishing.hold_clips()

    # deeds
    @admin.action(description="Publish", permissions=["publish"])
    def publish_chosen(self, request: HttpRequest, queryset: QuerySet[Narrative]) -> None:
        self.publish(request, queryset)

    @admin.action(description="Make missing clips", permissions=["make"])
    def make_chosen(self, request: HttpRequest, queryset: QuerySet[Narrative]) -> HttpResponse | None:
        """Asks first when it costs money."""
        planned = warming.plan(words_of(queryset))
        if not planned.missing:
            self.say_nothing_missing(request)
            return None
        if planned.cost_usd > 0 and not has_said_yes(request):
            chosen = [narrative.pk for narrative in queryset]
            hidden = [("action", "make_chosen"), *((ACTION_CHECKBOX_NAME, pk) for pk in chosen)]
            back = reverse("admin:narratives_narrative_changelist")
            return self.ask_to_make(request, planned, hidden=hidden, back=back)
        make_words(queryset)
        self.say_being_made(request, planned)
        return None
