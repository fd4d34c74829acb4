"""The publication of a journey that waits for its sound: made, published anyway, or taken back."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from narratives import publishing
from narratives.admin.lookups import page_of
from narratives.admin.publishing import FIRST_WAIT_SECONDS
from narratives.models import Journey, Publication
from ttscache import warming
from ttscache.models import Rendition, WarmRun
from ttscache.staff.badges import FAILED, badges_of
from ttscache.staff.clip_widgets import progress_bar
from ttscache.staff.pages import StaffAdmin, has_said_yes
from ttscache.staff.wording import being_made_in_words, in_words
from ttscache.warming import Plan


@dataclass(frozen=True, slots=True)
class Waiting:
    """A publication on its way: how much of its sound is there, and what keeps the rest."""

    publication: Publication
    planned: Plan
    run: WarmRun | None

    @classmethod
    def of(cls, journey: Journey) -> Waiting | None:
        publication = journey.waiting
        if publication is None:
            return None
        runs = WarmRun.objects.filter(scope=publication.scope)
        return cls(publication, warming.plan(publishing.makeable_clips_of(publication)), runs.first())

    @property
    def progress(self) -> str:
        total = len(self.planned.clips)
        return progress_bar(total - len(self.planned.missing), total)

    @property
    def failures(self) -> list[tuple[str, str, str]]:
        """Voice, words and reason of each clip that could not be made."""
        badges = badges_of(self.planned.missing)
        return [
            (clip.voice, clip.content_text, badges[clip.content_hash].note)
            for clip in self.planned.missing
            if badges[clip.content_hash].word == FAILED.word
        ]

    @property
    def is_at_rest(self) -> bool:
        """Whether nobody makes what is missing: it failed, or somebody stopped it."""
        return self.run is None or self.run.state not in WarmRun.ACTIVE or self.is_paused

    @property
    def is_paused(self) -> bool:
        """By staff, or because its deletion was undone: what costs money waits for somebody to say so."""
        return self.run is not None and self.run.paused_because == WarmRun.Pause.STAFF

    @property
    def verb(self) -> str:
        return "Resume" if self.is_paused else "Try again"

    @property
    def held_up(self) -> str:
        return self.run.get_paused_because_display() if self.run is not None else ""

    @property
    def renditions(self) -> list[Rendition]:
        """Those that have to take over first, because what plays now cannot be made any more."""
        return publishing.waits_for_renditions(self.publication)

    @property
    def silent_voices(self) -> list[str]:
        """Those that nobody can say the new words in before staff choose who plays them."""
        return publishing.voices_without_new_words() if self.publication.journey.is_live else []


def waiting_view(pages: StaffAdmin, request: HttpRequest, object_id: int, operation: str) -> HttpResponse:
    journey: Journey = pages.get_or_404(request, object_id)
    may_publish, may_make = pages.has_publish_permission(request), pages.has_make_permission(request)
    if not may_publish or (operation == "make" and not may_make):
        raise PermissionDenied
    operations = {"make": _make, "anyway": _publish_anyway, "withdraw": _withdraw}
    waiting = Waiting.of(journey)
    if operation not in operations:
        raise Http404
    if waiting is None:
        pages.message_user(request, "Nothing waits any more: listeners have it all.", messages.INFO)
        return redirect(page_of(journey))
    if not has_said_yes(request):
        return _ask(pages, request, waiting, operation)
    pages.log_and_tell(request, journey, operations[operation](request, waiting))
    return redirect(page_of(journey))


def _ask(pages: StaffAdmin, request: HttpRequest, waiting: Waiting, operation: str) -> HttpResponse:
    missing, number = in_words(waiting.planned), waiting.publication.number
    asked = {
        "make": (waiting.verb, f"{missing} Listeners get version {number} once all of them are there."),
        "anyway": (
            "Publish anyway",
            f"{missing} Listeners get version {number} now, and the first listener of each missing clip "
            f"waits about {FIRST_WAIT_SECONDS} s for it.",
        ),
        "withdraw": (
            "Take it back",
            f"Listeners keep what they have. The words of version {number} stay as drafts, "
            "and what is not made yet is not made.",
        ),
    }
    verb, summary = asked[operation]
    journey = waiting.publication.journey
    return pages.ask(request, title=f"{verb}: {journey}", verb=verb, summary=summary, back=page_of(journey))


def _make(request: HttpRequest, waiting: Waiting) -> str:
    publishing.resume_publication(waiting.publication, requested_by=request.user.get_username())
    publishing.activate_ready_publications()  # what was missing may have come meanwhile
    return f"Version {waiting.publication.number}: {being_made_in_words(waiting.planned)}"


def _publish_anyway(request: HttpRequest, waiting: Waiting) -> str:
    publishing.publish_anyway(waiting.publication)
    return f"Listeners have version {waiting.publication.number} now. {in_words(waiting.planned)}"


def _withdraw(request: HttpRequest, waiting: Waiting) -> str:
    publishing.withdraw(waiting.publication)
    return f"Version {waiting.publication.number} is taken back; its words are drafts."
