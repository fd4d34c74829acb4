"""The lexicon for staff: how to pronounce words. Each change shows its cost before it is saved."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import path, reverse
from django.utils.safestring import SafeString
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSelectWidget

from narratives import publishing
from narratives.admin.conflicts import ConflictAwareForm
from narratives.admin.hearing_words import hear_word_view
from narratives.admin.permissions import has_publish_right
from narratives.editing.drafts import draft_clips, make_drafts
from narratives.editing.lexicon_changes import (
    Effect,
    NewSounds,
    effect_of,
    lexicon_with,
    lexicon_without,
    said_with,
    sounds_to_publish,
)
from narratives.models import Pronunciation
from narratives.staff.clip_status import add_clip_statuses
from narratives.text.lexicon import Lexicon
from ttscache import warming
from ttscache.conf import conf
from ttscache.staff.pages import StaffAdmin, is_confirmed
from ttscache.staff.wording import being_made_in_words, in_words


def _consequences(effect: Effect, to_publish: NewSounds | None) -> Iterator[str]:
    yield "The text on screen does not change."
    if not effect.has_live:
        yield "Saving costs nothing."
        return
    if effect.is_impossible:
        yield "Listeners keep the old pronunciation, because the new clips cannot be made."
        return
    yield "Saving costs nothing. Listeners hear it after you publish."
    if to_publish is not None:
        planned = to_publish.planned
        if planned.missing:
            yield f"If you publish it now, {in_words(planned, 'made')}"
        else:
            yield "Publishing it now costs nothing, too."
        yield publishing.warning_of(to_publish.silent_voices)
        if {clip.content_hash for clip in planned.clips} - {c.content_hash for c in effect.planned.clips}:
            yield "That includes earlier changes of the lexicon that are not published yet."


@admin.register(Pronunciation)
class PronunciationAdmin(StaffAdmin):
    confirmation_template = "admin/narratives/confirm.html"
    form = ConflictAwareForm
    change_form_before_template = "admin/narratives/seen_fields.html"
    list_display = ("word", "say_as", "in_voice", "note")
    search_fields = ("word", "say_as", "note")
    fields = (("word", "say_as"), ("voice", "note"))
    actions_detail = ("make_examples",)
    list_before_template = "admin/narratives/lexicon_note.html"

    def get_urls(self) -> list[Any]:
        hear = self.admin_site.admin_view(partial(hear_word_view, self))
        return [path("hear/", hear, name="narratives_pronunciation_hear"), *super().get_urls()]

    def page_context(self, request: HttpRequest, object_id: str | None) -> dict[str, Any]:
        # A new tab, so that the unsaved entry stays as it is.
        hear = {"formaction": reverse("admin:narratives_pronunciation_hear"), "formtarget": "_blank"}
        return {"hear": hear} if self.has_make_permission(request) else {}

    @admin.display(description="Voice", ordering="voice")
    def in_voice(self, entry: Pronunciation) -> str:
        return entry.voice or "All"

    @admin.display(description="Texts with this word")
    def examples(self, entry: Pronunciation) -> SafeString:
        narratives = said_with(entry)
        add_clip_statuses(narratives)
        return render_to_string("admin/narratives/examples.html", {"narratives": narratives})

    def get_fields(self, request: HttpRequest, obj: Pronunciation | None = None) -> Any:
        return (*self.fields, "examples") if obj is not None else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Pronunciation | None = None) -> Any:
        return ("examples",) if obj is not None else ()

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """No bulk delete: each deletion shows its own cost first."""
        return {}

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        if db_field.name == "voice":
            voices = [("", "All voices"), *((voice, voice) for voice in conf().listener_voices)]
            widget, help_text = UnfoldAdminSelectWidget, db_field.help_text
            return forms.ChoiceField(choices=voices, required=False, help_text=help_text, widget=widget)
        return super().formfield_for_dbfield(db_field, request, **options)

    # --- asking first ------------------------------------------------------------------------------------
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if request.method == "POST" and not is_confirmed(request):
            after = self._lexicon_of_form(request, object_id)
            if after is not None and effect_of(after).changed:
                return self._ask_about(request, after, title="Check the new pronunciation", verb="Save")
        return super().changeform_view(request, object_id, form_url, extra_context)  # type: ignore[no-any-return]

    def _lexicon_of_form(self, request: HttpRequest, object_id: str | None) -> Lexicon | None:
        """The lexicon as it would be with the posted entry; None if the form is invalid or not allowed."""
        entry = self.get_object(request, object_id) if object_id else None
        may = self.has_change_permission(request, entry) if entry else self.has_add_permission(request)
        # A copy, because validation writes the posted values into the instance.
        form = self.get_form(request, entry, change=entry is not None)(
            request.POST, instance=copy.copy(entry)
        )
        return lexicon_with(form.instance) if may and form.is_valid() else None

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        entry = self.get_object(request, object_id)
        if entry is not None and not is_confirmed(request):
            if not self.has_delete_permission(request, entry):
                raise PermissionDenied
            after = lexicon_without(entry)
            return self._ask_about(request, after, title=f"Delete: {entry}", verb="Delete", post="yes")
        return super().delete_view(request, object_id, extra_context)  # type: ignore[no-any-return]

    def _ask_about(
        self, request: HttpRequest, after: Lexicon, *, title: str, verb: str, **more: str
    ) -> HttpResponse:
        effect = effect_of(after)
        # The answer posts the whole form again, so that Django's own view saves it.
        sent = {name: value for name, value in request.POST.items() if name != "csrfmiddlewaretoken"}
        may_publish = effect.has_live and not effect.is_impossible and has_publish_right(request)
        consequences = _consequences(effect, sounds_to_publish(after) if may_publish else None)
        return self.ask(
            request,
            title=title,
            verb=f"{verb}, publish later" if may_publish else verb,
            summary=effect.in_words,
            more=" ".join(filter(None, consequences)),
            effect=effect,
            hidden=[*sent.items(), *more.items()],
            second=("publish_sounds", f"{verb} and publish") if may_publish else None,
            back=request.path if "/delete/" not in request.path else "../change/",
        )

    # --- saving ------------------------------------------------------------------------------------------
    def save_model(self, request: HttpRequest, obj: Pronunciation, form: Any, change: bool) -> None:
        publishing.lock_publishing()
        super().save_model(request, obj, form, change)
        self._settle(request)

    @transaction.atomic
    def delete_model(self, request: HttpRequest, obj: Pronunciation) -> None:
        publishing.lock_publishing()
        super().delete_model(request, obj)
        self._settle(request)

    def _settle(self, request: HttpRequest) -> None:
        """Pin the drafts' new clips, and publish the new pronunciation if staff asked for that."""
        publishing.sync_pins()
        if "publish_sounds" not in request.POST or not has_publish_right(request):
            return
        silent = sounds_to_publish(Pronunciation.objects.lexicon()).silent_voices
        for publication in publishing.publish_sounds(requested_by=request.user.get_username()):
            planned = warming.plan(publishing.makeable_publication_clips(publication))
            says = f"Version {publication.number}: new pronunciation. {being_made_in_words(planned)}"
            self.log_and_tell(request, publication.journey, says)
        if silent:
            self.message_user(request, publishing.warning_of(silent), messages.WARNING)

    # --- hearing it --------------------------------------------------------------------------------------
    @action(  # type: ignore[untyped-decorator]
        description="Make missing clips", url_path="make", permissions=["make"], icon="graphic_eq"
    )
    def make_examples(self, request: HttpRequest, object_id: str) -> HttpResponse:
        entry: Pronunciation = self.get_or_404(request, object_id)
        narratives = said_with(entry)
        planned = warming.plan(draft_clips(narratives))

        def make() -> None:
            make_drafts(narratives, requested_by=request.user.get_username())
            self.log_change(request, entry, f"Made missing clips. {being_made_in_words(planned)}")

        page = reverse("admin:narratives_pronunciation_change", args=[entry.pk])
        return self.make_after_a_yes(request, planned, make, back=page)
