"""The versions of a journey: who published what and when, how it sounded, and going back to one."""

from __future__ import annotations

from collections.abc import Iterable
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
from narratives.admin.permissions import may_delete_texts, may_restore_versions
from narratives.editing.history import Change, VoiceClip, WayBack, changes_of, restore, way_back
from narratives.models import Journey, Narrative, Publication, PublicationEntry
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
            (publication, changes[publication.pk], map(_with_players, changes[publication.pk].reworded))
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
    """Copy a version into the draft: all of it, or the words of the text that `?text=` names."""
    journey: Journey = pages.get_or_404(request, object_id)
    if not may_restore_versions(pages, request):
        raise PermissionDenied
    publication = get_object_or_404(journey.publications.select_related("journey"), number=number)
    chosen = request.GET.get("text", "")
    text = int(chosen) if chosen.isdecimal() and len(chosen) < 19 else None
    back = way_back(publication, text)
    if back.needs_delete_right and not may_delete_texts(request):
        raise PermissionDenied
    # Nothing to confirm if the draft is like this already.
    if not back.is_empty and not confirmed_this(pages, request, fingerprint_of(back.seen)):
        return _ask(pages, request, publication, back)
    done = restore(publication, text, by=request.user.get_username())
    said = " ".join(done.in_words(number))
    if said:
        pages.log_change(request, journey, said)
    pages.message_user(request, said or f"The draft is already as in version {number}.")
    return redirect(page_of(journey))


def _ask(pages: StaffAdmin, request: HttpRequest, publication: Publication, back: WayBack) -> HttpResponse:
    planned = warming.plan(back.clips)
    sound = "All its audio is kept." if not planned.missing else in_words(planned)
    return pages.ask(
        request,
        title=f"Go back to version {publication.number}: {publication.journey}",
        heading="Your draft will change to:",
        narratives=[_as_it_will_be(entry, back) for entry in back.reworded],
        back_to=back,
        summary=f"{sound} Changing the draft costs nothing. Listeners notice nothing until you publish.",
        verb="Change the draft",
        hidden=[("seen", fingerprint_of(back.seen))],
        back=reverse("admin:narratives_journey_versions", args=[publication.journey_id]),
    )


def _as_it_will_be(entry: PublicationEntry, back: WayBack) -> Narrative:
    """The text with the words of the version, and with its present words as `draft`."""
    narrative = next(each for each in back.draft if each.pk == entry.narrative_id)
    narrative.draft = Draft.of(narrative)  # type: ignore[attr-defined]
    narrative.title, narrative.text = entry.revision.title, entry.revision.text
    return narrative
