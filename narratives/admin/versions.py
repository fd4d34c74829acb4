"""The versions of a journey: who published what and when, how it sounded, and going back to one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.decorators import action

from narratives.admin.confirmation import confirmed_this
from narratives.admin.lookups import page_of
from narratives.admin.permissions import may_restore_versions
from narratives.editing.drafts import draft_clips
from narratives.editing.history import Change, VoiceClip, changes_of, restore, words_as_of
from narratives.models import Journey, Narrative, Publication, Revision
from ttscache import warming
from ttscache.fingerprint import fingerprint_of
from ttscache.staff.clip_widgets import player
from ttscache.staff.pages import StaffAdmin
from ttscache.staff.wording import in_words

VERSIONS_A_PAGE = 20


# --- the page -------------------------------------------------------------------------------------------
@action(description="Versions", url_path="versions", permissions=["view"], icon="history")  # type: ignore[untyped-decorator]
def versions(pages: StaffAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    journey: Journey = pages.get_or_404(request, object_id)
    page = Paginator(journey.publications.select_related("journey"), VERSIONS_A_PAGE).get_page(
        request.GET.get("page")
    )
    changes = changes_of(page.object_list)
    return pages.show(
        request,
        "admin/narratives/journey/versions.html",
        title=f"Versions: {journey}",
        journey=journey,
        page=page,
        versions=[
            (publication, [_with_players(each) for each in changes[publication.pk]])
            for publication in page.object_list
        ],
        may_restore=may_restore_versions(pages, request, journey),
    )


def _with_players(change: Change) -> tuple[Change, list[SafeString], list[SafeString]]:
    """The change, players of its clips, and players of the clips before it."""
    before = change.before.title if change.before is not None else ""
    return change, _players(change.clips, change.revision.title), _players(change.clips_before, before)


def _players(clips: Iterable[VoiceClip], title: str) -> list[SafeString]:
    return [player(clip, voice=voice, says=title) for voice, clip in clips]


# --- going back -----------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Draft:
    """The draft that going back would overwrite."""

    title: str
    text: str
    is_unpublished: bool

    @classmethod
    def of(cls, narrative: Narrative) -> Draft:
        live = narrative.live
        return cls(narrative.title, narrative.text, live is None or live.text != narrative.text)


def restore_version_view(
    pages: StaffAdmin, request: HttpRequest, object_id: int, number: int
) -> HttpResponse:
    """Copy a version into the drafts: all its texts, or the one that `?text=` names."""
    journey: Journey = pages.get_or_404(request, object_id)
    if not may_restore_versions(pages, request):
        raise PermissionDenied
    publication = get_object_or_404(journey.publications.select_related("journey"), number=number)
    chosen = request.GET.get("text", "")
    text = int(chosen) if chosen.isdecimal() else None
    words = words_as_of(publication, text)
    # Nothing to confirm if the drafts read like this already.
    if words and not confirmed_this(pages, request, _fingerprint(words)):
        return _ask(pages, request, publication, words)
    restored = restore(publication, text)
    said = (
        f"1 text now reads as in version {number}."
        if len(restored) == 1
        else f"{len(restored)} texts now read as in version {number}."
    )
    if restored:
        pages.log_change(request, journey, said)
    pages.message_user(request, said if restored else f"The drafts already read as in version {number}.")
    return redirect(page_of(journey))


def _ask(
    pages: StaffAdmin, request: HttpRequest, publication: Publication, words: Mapping[Narrative, Revision]
) -> HttpResponse:
    seen = _fingerprint(words)  # before the loop puts the old version's words into the instances
    for narrative, revision in words.items():
        narrative.draft = Draft.of(narrative)  # type: ignore[attr-defined]
        narrative.title, narrative.text = revision.title, revision.text
    planned = warming.plan(draft_clips(words))
    sound = "All its audio is kept." if not planned.missing else in_words(planned)
    return pages.ask(
        request,
        title=f"Go back to version {publication.number}: {publication.journey}",
        heading="Your draft will change to:",
        narratives=list(words),
        summary=f"{sound} Changing the draft costs nothing. Listeners notice nothing until you publish.",
        verb="Change the draft",
        hidden=[("seen", seen)],
        back=reverse("admin:narratives_journey_versions", args=[publication.journey_id]),
    )


def _fingerprint(words: Mapping[Narrative, Revision]) -> str:
    """Equal if the same drafts would change to the same text."""
    return fingerprint_of([(each.pk, each.title, each.text, revision.pk) for each, revision in words.items()])
