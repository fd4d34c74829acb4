"""A version that waits for its audio: make the rest, publish it now, or cancel it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from narratives import publishing
from narratives.admin.lookups import page_of
from narratives.admin.publishing import FIRST_WAIT_SECONDS
from narratives.models import Journey, Publication
from ttscache import warming
from ttscache.models import Clip, Rendition, WarmRun
from ttscache.staff.badges import FAILED, Badge, badges_of
from ttscache.staff.clip_widgets import progress_bar
from ttscache.staff.pages import StaffAdmin, is_confirmed
from ttscache.staff.refused_takes import ShownTake, undecided_takes
from ttscache.staff.wording import being_made_in_words, in_words
from ttscache.warming import Plan


@dataclass(frozen=True)
class Waiting:
    """A waiting publication: how many of its clips are ready, and why the others are not."""

    publication: Publication
    planned: Plan
    run: WarmRun | None

    @classmethod
    def of(cls, journey: Journey) -> Waiting | None:
        publication = journey.waiting
        if publication is None:
            return None
        runs = WarmRun.objects.filter(scope=publication.scope)
        return cls(
            publication, warming.plan(publishing.makeable_publication_clips(publication)), runs.first()
        )

    @property
    def progress(self) -> str:
        total = len(self.planned.clips)
        return progress_bar(total - len(self.planned.missing), total)

    @property
    def failures(self) -> list[tuple[Clip, str, ShownTake | None]]:
        """Each clip that could not be made, why, and the take that was refused, if any."""
        badges = self.badges
        failed = [clip for clip in self.planned.missing if badges[clip.content_hash].word == FAILED.word]
        takes = undecided_takes(failed)
        return [(clip, badges[clip.content_hash].note, takes.get(clip.pk)) for clip in failed]

    @cached_property
    def badges(self) -> dict[str, Badge]:
        return badges_of(self.planned.missing)

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is under way: the run failed, was stopped or is paused."""
        return self.run is None or self.run.state not in WarmRun.ACTIVE or self.is_paused

    @property
    def is_paused(self) -> bool:
        """Whether staff paused it, or undid a deletion, after which spending waits for their consent."""
        return self.run is not None and self.run.paused_because == WarmRun.Pause.STAFF

    @property
    def verb(self) -> str:
        return "Resume" if self.is_paused else "Try again"

    @property
    def held_up(self) -> str:
        """Why nothing is made at the moment, and who can help."""
        paused = self.run.pause_in_words if self.run is not None else ""
        return paused or next((badge.held_up for badge in self.badges.values() if badge.held_up), "")

    @property
    def renditions(self) -> list[Rendition]:
        """Renditions that must take over first, because the current one can no longer make clips."""
        return publishing.waits_for_renditions(self.publication)

    @property
    def silent_voices(self) -> list[str]:
        """Voices that cannot speak new words until staff choose a new rendition for them."""
        return publishing.voices_without_new_words() if self.publication.journey.is_live else []


def waiting_view(pages: StaffAdmin, request: HttpRequest, object_id: int, operation: str) -> HttpResponse:
    journey: Journey = pages.get_or_404(request, object_id)
    may_publish, may_make = pages.has_publish_permission(request), pages.has_make_permission(request)
    if not may_publish or (operation == "make" and not may_make):
        raise PermissionDenied
    operations = {"make": _make, "anyway": _publish_anyway, "withdraw": _withdraw}
    waiting = Waiting.of(journey)
    if operation not in operations:
        raise Http404  # the operation is part of the address, so it can be anything
    # The page may be old: the version may have gone live or been cancelled since.
    if waiting is None:
        pages.message_user(request, "No version is waiting any more.", messages.INFO)
        return redirect(page_of(journey))
    if not is_confirmed(request):
        return _ask(pages, request, waiting, operation)
    pages.log_and_tell(request, journey, operations[operation](request, waiting))
    return redirect(page_of(journey))


def _ask(pages: StaffAdmin, request: HttpRequest, waiting: Waiting, operation: str) -> HttpResponse:
    missing, number = in_words(waiting.planned), waiting.publication.number
    questions = {
        "make": (waiting.verb, f"{missing} Version {number} goes live when all of them are ready."),
        "anyway": (
            "Publish now, audio follows",
            f"{missing} Listeners get version {number} now. The first person to reach each text "
            f"waits about {FIRST_WAIT_SECONDS} seconds.",
        ),
        "withdraw": (
            "Cancel this version",
            f"Listeners keep what they have. The text of version {number} stays as a draft, "
            "and its missing clips are not made.",
        ),
    }
    verb, summary = questions[operation]
    journey = waiting.publication.journey
    return pages.ask(
        request,
        title=f"{verb}: {journey}",
        verb=verb,
        summary=summary,
        back=page_of(journey),
        back_verb="Keep waiting" if operation == "withdraw" else "",  # two buttons "Cancel" would confuse
    )


def _make(request: HttpRequest, waiting: Waiting) -> str:
    publishing.resume_publication(waiting.publication, requested_by=request.user.get_username())
    publishing.activate_ready_publications()  # the missing clips may have been made meanwhile
    return f"Version {waiting.publication.number}: {being_made_in_words(waiting.planned)}"


def _publish_anyway(request: HttpRequest, waiting: Waiting) -> str:
    publishing.publish_anyway(waiting.publication)
    return f"Listeners have version {waiting.publication.number} now. {in_words(waiting.planned)}"


def _withdraw(request: HttpRequest, waiting: Waiting) -> str:
    publishing.withdraw(waiting.publication)
    return f"Version {waiting.publication.number} is cancelled. Its text stays as a draft."
