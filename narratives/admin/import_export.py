"""Export a journey as a file; import one, after staff have seen what would change."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.decorators import action
from unfold.widgets import UnfoldAdminFileFieldWidget

from narratives.admin.confirmation import CHANGED_SINCE
from narratives.admin.lookups import page_of
from narratives.editing import import_export
from narratives.editing.import_export import Difference, Parsed
from narratives.editing.lexicon_changes import Effect, effect_of, lexicon_with_all
from narratives.models import Journey, Pronunciation
from narratives.text.word_diff import changes
from ttscache.staff.pages import StaffAdmin, is_confirmed

MOST_WORDS = 50  # entries of the lexicon that the log names
MOST_PROBLEMS = 100  # problems of a file that the page lists


class FileForm(forms.Form):
    file = forms.FileField(
        label="Excel, CSV or JSON file",
        max_length=200,
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".xlsx,.csv,.tsv,.txt,.json"}),
    )

    def clean_file(self) -> Any:
        given = self.cleaned_data["file"]
        if given.size > import_export.MOST_BYTES:
            raise forms.ValidationError(import_export.TOO_LARGE)
        return given


# --- downloads ------------------------------------------------------------------------------------------
def export_json(pages: StaffAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    journey = _journey_to_read(pages, request, object_id)
    return _download(import_export.as_json(journey), f"{journey.slug}.json", "application/json")


def export_csv(pages: StaffAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    journey = _journey_to_read(pages, request, object_id)
    # Without this mark, Excel reads UTF-8 as the country's older encoding and damages accents when it saves.
    content = f"\ufeff{import_export.as_csv(journey)}"
    return _download(content, f"{journey.slug}.csv", "text/csv; charset=utf-8")


def _journey_to_read(pages: StaffAdmin, request: HttpRequest, object_id: str) -> Journey:
    journey: Journey = pages.get_or_404(request, object_id)
    if not pages.has_view_permission(request, journey):
        raise PermissionDenied
    return journey


def _download(content: str, name: str, media_type: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type=media_type, headers=headers)


# --- the page -------------------------------------------------------------------------------------------
@action(description="Export and import", url_path="import", permissions=["view"])  # type: ignore[untyped-decorator]
def import_file(pages: StaffAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """Show the downloads and what an uploaded file would change; import it when that is confirmed."""
    journey = _journey_to_read(pages, request, object_id)
    is_allowed = pages.has_import_permission(request)
    # Staff who may only look can export, but not import.
    if request.method == "POST" and not is_allowed:
        raise PermissionDenied
    form = FileForm(request.POST or None, request.FILES or None)
    content = _sent_back(request)
    if content is None and request.method == "POST" and form.is_valid():
        content = form.cleaned_data["file"].read()
    if content is None:
        return _page(pages, request, journey, form=form if is_allowed else None)
    parsed = import_export.parse_file(content)
    difference = import_export.compare(journey, parsed)
    if difference.problems:
        problems = difference.problems
        told = {
            "problems": problems[:MOST_PROBLEMS],
            "more": len(problems[MOST_PROBLEMS:]),
            "notes": parsed.notes,
        }
        return _page(pages, request, journey, difference=difference, **told)
    if is_confirmed(request):
        # The browser sends the file back, so a yes counts only with the fingerprint of what was shown.
        if request.POST.get("seen") == difference.fingerprint:
            return _import(pages, request, journey, parsed, difference)
        pages.message_user(request, CHANGED_SINCE, messages.WARNING)
    # The answer brings the file back, so nothing is stored between the two requests.
    hidden = [("content", base64.b64encode(content).decode()), ("seen", difference.fingerprint)]
    changed = [
        (each.narrative, changes(each.narrative.text, each.row.text), each.row) for each in difference.changed
    ]
    effect = effect_of(lexicon_with_all(difference.words_said_otherwise))
    told = {"changed": changed, "expected": expected_in_words(difference), "effect": effect, "hidden": hidden}
    return _page(pages, request, journey, difference=difference, notes=parsed.notes, **told)


def _import(
    pages: StaffAdmin, request: HttpRequest, journey: Journey, parsed: Parsed, difference: Difference
) -> HttpResponse:
    pronunciations = difference.words_said_otherwise
    effect = effect_of(lexicon_with_all(pronunciations))  # compare before writing: afterwards nothing differs
    says = f"Imported: {imported_in_words(import_export.import_into_drafts(journey, parsed))}."
    told = said_otherwise_in_words(pronunciations, effect)
    pages.log_change(request, journey, f"{says} {told}".strip())
    pages.message_user(request, f"{says} All of it stays a draft until you publish.", messages.SUCCESS)
    return redirect(page_of(journey))


def _page(pages: StaffAdmin, request: HttpRequest, journey: Journey, **more: Any) -> HttpResponse:
    template, title = "admin/narratives/journey/import.html", f"Export and import: {journey}"
    return pages.show(request, template, title=title, journey=journey, back=page_of(journey), **more)


def _sent_back(request: HttpRequest) -> bytes | None:
    """The file that the confirmation page sent back; None if this request is not its answer."""
    try:
        return base64.b64decode(request.POST["content"], validate=True) if is_confirmed(request) else None
    except (KeyError, binascii.Error):
        return None


def expected_in_words(difference: Difference) -> str:
    """For example "1 text will change; 17 stay the same"."""
    return _counted(
        (difference.changed, "text will change", "texts will change"),
        (difference.added, "will be added", "will be added"),
        (difference.unchanged, "stays the same", "stay the same"),
        (difference.not_in_file, "is not in the file", "are not in the file"),
        (difference.words_said_otherwise, "pronunciation will change", "pronunciations will change"),
    )


def imported_in_words(difference: Difference) -> str:
    """For example "1 text changed; 17 stayed the same"."""
    return _counted(
        (difference.changed, "text changed", "texts changed"),
        (difference.added, "added", "added"),
        (difference.unchanged, "stayed the same", "stayed the same"),
        (difference.words_said_otherwise, "pronunciation changed", "pronunciations changed"),
    )


def _counted(changed: tuple[Sequence[Any], str, str], *others: tuple[Sequence[Any], str, str]) -> str:
    """Leave out what is zero, except the first."""
    told = [changed, *(each for each in others if each[0])]
    return "; ".join(f"{len(those)} {one if len(those) == 1 else many}" for those, one, many in told)


def said_otherwise_in_words(entries: Sequence[Pronunciation], effect: Effect) -> str:
    """Name the changed words, the clips this puts out of date and their price; empty without any."""
    if not entries:
        return ""
    named = ", ".join(
        f"{entry}{f' in {entry.voice}' if entry.voice else ''}" for entry in entries[:MOST_WORDS]
    )
    more = f" and {len(entries) - MOST_WORDS} more" if len(entries) > MOST_WORDS else ""
    return f"Lexicon: {named}{more}. {effect.in_words if effect.changed else 'No clip changes.'}"
