"""Hear a pronunciation before it is saved: the price first, then the word alone in a listener voice."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from narratives.editing.lexicon_changes import clip_of_word, make_word
from narratives.models import Pronunciation
from narratives.staff.clip_status import clips_and_badges
from narratives.text.tidying import tidied_line
from ttscache import warming
from ttscache.conf import conf
from ttscache.staff.badges import NOT_MADE
from ttscache.staff.clip_widgets import player
from ttscache.staff.pages import StaffAdmin
from ttscache.staff.wording import being_made_in_words, in_words
from ttscache.text.plain_text import has_words


class SpellingForm(forms.Form):
    say_as = forms.CharField(max_length=Pronunciation._meta.get_field("say_as").max_length)
    voice = forms.ChoiceField(required=False)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["voice"].choices = [(voice, voice) for voice in conf().listener_voices]  # type: ignore[attr-defined]

    def clean_say_as(self) -> str:
        spelling = tidied_line(self.cleaned_data["say_as"])
        if not has_words(spelling):
            raise forms.ValidationError("Write at least one letter or digit.")
        return spelling


def hear_word_view(pages: StaffAdmin, request: HttpRequest) -> HttpResponse:
    """Show a player or a price for each voice. Only a confirmed POST makes a clip."""
    may_write = pages.has_add_permission(request) or pages.has_change_permission(request)
    if not (may_write and pages.has_make_permission(request)):
        raise PermissionDenied
    form = SpellingForm(request.POST if request.method == "POST" else request.GET)
    if not form.is_valid():
        return pages.show(request, "admin/narratives/hear.html", title="Hear it", rows=[])
    say_as, voice = form.cleaned_data["say_as"], form.cleaned_data["voice"]
    # An address of its own, so that the page can refresh itself while the clip is being made.
    here = f"{reverse('admin:narratives_pronunciation_hear')}?{urlencode({'say_as': say_as, 'voice': voice})}"
    if request.method != "POST":
        voices = [voice] if voice else conf().listener_voices
        rows = [_row(say_as, each) for each in voices]
        return pages.show(
            request, "admin/narratives/hear.html", title=f"Hear it: {say_as}", rows=rows, say_as=say_as
        )
    if "make" not in request.POST or not voice:
        return redirect(here)
    return _make(pages, request, say_as, voice, here)


def _make(pages: StaffAdmin, request: HttpRequest, say_as: str, voice: str, here: str) -> HttpResponse:
    planned = warming.plan([clip_of_word(say_as, voice)])

    def make() -> None:
        make_word(say_as, voice, requested_by=request.user.get_username())
        LogEntry.objects.create(  # the entry may not be saved yet, so the log names no row
            user_id=cast(int, request.user.pk),
            content_type=ContentType.objects.get_for_model(Pronunciation),
            object_repr=say_as,
            action_flag=CHANGE,
            change_message=f"Heard a pronunciation, {voice}. {being_made_in_words(planned)}",
        )

    sent = [("say_as", say_as), ("voice", voice), ("make", "1")]
    return pages.make_after_a_yes(request, planned, make, back=here, hidden=sent)


def _row(say_as: str, voice: str) -> dict[str, Any]:
    spec = clip_of_word(say_as, voice)
    content_hash = spec.speech.content_hash
    clips, badges = clips_and_badges([content_hash])
    planned = warming.plan([spec])
    badge = badges.get(content_hash, NOT_MADE)
    return {
        "voice": voice,
        "player": player(clips.get(content_hash), voice=voice, says=say_as),
        "badge": badge,
        "reason": badge.held_up or badge.note,
        "price": in_words(planned) if planned.missing else "",
        "usd": f"{planned.cost_usd:.9f}",
    }
