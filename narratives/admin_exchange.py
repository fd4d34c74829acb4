"""Journeys as files: downloaded, uploaded, compared, and written to the drafts after a yes."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path
from unfold.decorators import action
from unfold.widgets import UnfoldAdminFileFieldWidget

from narratives import exchange
from narratives.admin_deeds import CHANGED_SINCE, Deeds
from narratives.exchange import Difference
from narratives.models import Journey, Pronunciation
from narratives.pronouncing import Effect, effect_of, lexicon_with_all
from narratives.word_diff import changes
from ttscache.staff.pages import has_said_yes

MOST_WORDS = 50  # of the lexicon, to be named in the log


class FileForm(forms.Form):
    file = forms.FileField(
        label="JSON or CSV file",
        max_length=200,
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".json,.csv"}),
    )

    def clean_file(self) -> Any:
        given = self.cleaned_data["file"]
        if given.size > exchange.MOST_BYTES:
            raise forms.ValidationError("The file is larger than a journey can be (1 MB).")
        return given


def counted(difference: Difference) -> str:
    parts = (
        (difference.added, "added"),
        (difference.changed, "changed"),
        (difference.not_in_file, "not in the file"),
        (difference.unchanged, "unchanged"),
        (difference.words_said_otherwise, "words said otherwise"),
    )
    return ", ".join(f"{len(those)} {word}" for those, word in parts)


def said_otherwise_in_words(entries: Sequence[Pronunciation], effect: Effect) -> str:
    """Which words, what that has put out of date, and the price of making it anew; empty without any."""
    if not entries:
        return ""
    named = ", ".join(
        f"{entry}{f' in {entry.voice}' if entry.voice else ''}" for entry in entries[:MOST_WORDS]
    )
    more = f" and {len(entries) - MOST_WORDS} more" if len(entries) > MOST_WORDS else ""
    return f"Lexicon: {named}{more}. {effect.in_words if effect.changed else 'No clip is changed by it.'}"


class ExchangePages(Deeds):
    """Export and import on the page of a journey."""

    def has_import_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        wanted = (
            "narratives.change_narrative",
            "narratives.add_narrative",
            "narratives.change_pronunciation",
        )
        return self.has_change_permission(request) and request.user.has_perms(wanted)

    def _journey_to_read(self, request: HttpRequest, object_id: str) -> Journey:
        journey = self.get_object(request, object_id)
        if journey is None:
            raise Http404
        if not self.has_view_permission(request, journey):
            raise PermissionDenied
        return journey  # type: ignore[no-any-return]

    def get_urls(self) -> list[Any]:
        pages = {"export_json": self.export_json, "export_csv": self.export_csv}
        own = [
            path(
                f"<path:object_id>/{name.replace('_', '-')}/",
                self.admin_site.admin_view(page),
                name=f"narratives_journey_{name}",
            )
            for name, page in pages.items()
        ]
        return [*own, *super().get_urls()]

    def export_json(self, request: HttpRequest, object_id: str) -> HttpResponse:
        journey = self._journey_to_read(request, object_id)
        return _download(exchange.as_json(journey), f"{journey.slug}.json", "application/json")

    def export_csv(self, request: HttpRequest, object_id: str) -> HttpResponse:
        journey = self._journey_to_read(request, object_id)
        return _download(exchange.as_csv(journey), f"{journey.slug}.csv", "text/csv; charset=utf-8")

    @action(description="Export and import", url_path="import", permissions=["view"])  # type: ignore[untyped-decorator]
    def import_file(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Downloads; and what a file would change, which is written once that is sent back."""
        journey = self._journey_to_read(request, object_id)
        may_import = self.has_import_permission(request)
        if request.method == "POST" and not may_import:
            raise PermissionDenied
        form = FileForm(request.POST or None, request.FILES or None)
        content = _sent_back(request)
        if content is None and request.method == "POST" and form.is_valid():
            content = form.cleaned_data["file"].read()
        if content is None:
            return self._import_page(request, journey, form=form if may_import else None)
        parsed = exchange.parse(content)
        difference = exchange.compare(journey, parsed)
        if has_said_yes(request) and not difference.problems:
            if request.POST.get("seen") == difference.fingerprint:
                effect = effect_of(lexicon_with_all(difference.words_said_otherwise))
                says = f"Imported: {counted(exchange.write(journey, parsed))}."
                told = said_otherwise_in_words(difference.words_said_otherwise, effect)
                self.log_change(request, journey, f"{says} {told}".strip())
                self.message_user(request, f"{says} They are drafts until you publish.", messages.SUCCESS)
                return redirect(self.page_of(journey))
            self.message_user(request, CHANGED_SINCE, messages.WARNING)
        hidden = [("content", base64.b64encode(content).decode()), ("seen", difference.fingerprint)]
        changed = [
            (each.narrative, changes(each.narrative.text, each.row.text), each.row)
            for each in difference.changed
        ]
        return self._import_page(
            request,
            journey,
            difference=difference,
            changed=changed,
            counted=counted(difference),
            effect=effect_of(lexicon_with_all(difference.words_said_otherwise)),
            hidden=hidden,
        )

    def _import_page(self, request: HttpRequest, journey: Journey, **more: Any) -> HttpResponse:
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "title": f"Export and import: {journey}",
            "journey": journey,
            "back": self.page_of(journey),
            **more,
        }
        return TemplateResponse(request, "admin/narratives/journey/import.html", context)


def _sent_back(request: HttpRequest) -> bytes | None:
    """The file that was looked at, where this is the answer to that."""
    try:
        return base64.b64decode(request.POST["content"], validate=True) if has_said_yes(request) else None
    except (KeyError, binascii.Error):
        return None


def _download(content: str, name: str, media_type: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type=media_type, headers=headers)
