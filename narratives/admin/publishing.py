"""Publishing: what it brings about and costs is asked first, done with a yes, noted and told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.decorators import action
from unfold.enums import ActionVariant

from narratives import publishing
from narratives.admin.confirmation import confirmed_this
from narratives.admin.lookups import narratives_of, page_of
from narratives.editing.drafts import draft_clips
from narratives.models import Journey, Narrative, Publication, share_lexicon
from narratives.publishing import clips_of
from ttscache import warming
from ttscache.conf import conf
from ttscache.fingerprint import fingerprint_of
from ttscache.staff.pages import StaffAdmin, has_said_yes
from ttscache.staff.wording import being_made_in_words, in_words
from ttscache.warming import ClipSpec, Plan

FIRST_WAIT_SECONDS = 2  # what a listener waits for a clip that is not there, about

Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class PublishRequest:
    """What somebody wants published, looked at once: the texts that have changed, and what is to be made.

    Texts that wait for their sound already are published along with these, so their clips count, too.
    `silent_voices`: those in which these words are missing and cannot be made, so nothing is planned there.
    """

    narratives: Sequence[Narrative]
    ahead: Sequence[Narrative]
    planned: Plan
    silent_voices: Sequence[str]

    @classmethod
    def of(cls, narratives: Sequence[Narrative]) -> PublishRequest:
        ahead = [narrative for narrative in narratives if narrative.is_ahead]
        with publishing.making_new_words() as voices:
            specs = [*draft_clips(ahead, voices), *publishing.taken_along_with(ahead)]
        silent = [
            voice
            for voice in conf().listener_voices
            if voice not in voices and warming.plan(draft_clips(ahead, [voice])).missing
        ]
        return cls(narratives, ahead, warming.plan(specs), silent)

    @property
    def warning(self) -> str:
        """Why listeners will not hear these words soon; empty where they will."""
        if not self.silent_voices or not any(each.journey.is_live for each in self.ahead):
            return ""
        return (
            f"New words cannot be spoken as {' and '.join(self.silent_voices)} sounds today: the model is "
            "switched off, or its key is missing. Nothing is made or paid for there. Listeners keep the "
            "present version until you choose, on the page Voices, who plays this voice next."
        )

    @property
    def costs_money(self) -> bool:
        """Nothing is made for a journey that nobody can hear."""
        return self.planned.cost_usd > 0 and any(each.journey.is_live for each in self.ahead)

    @property
    def fingerprint(self) -> str:
        """Equal where the same words would be published in the same sound."""
        clips = [clip.content_hash for clip in self.planned.clips]
        titles = [(narrative.pk, narrative.title, narrative.text) for narrative in self.ahead]
        return fingerprint_of((titles, clips))


# --- the button of a journey's page -----------------------------------------------------------------------
@action(  # type: ignore[untyped-decorator]
    description="Publish changes",
    url_path="publish",
    permissions=["publish"],
    icon="publish",
    variant=ActionVariant.PRIMARY,
)
def publish_changes(pages: StaffAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    journey: Journey = pages.get_or_404(request, object_id)
    wanted = PublishRequest.of(narratives_of(journey))
    if not wanted.ahead or confirmed_this(pages, request, wanted.fingerprint):
        publish_and_tell(pages, request, wanted)
        return redirect(page_of(journey))
    return _ask_about_journey(pages, request, journey, wanted)


def _ask_about_journey(
    pages: StaffAdmin, request: HttpRequest, journey: Journey, wanted: PublishRequest
) -> HttpResponse:
    address = reverse("admin:narratives_journey_publish_changes", args=[journey.pk])
    title = f"Publish changes: {journey}"
    return _ask(pages, request, wanted, title=title, action=address, back=page_of(journey))


# --- the action of the list of texts ----------------------------------------------------------------------
@admin.action(description="Publish", permissions=["publish"])
def publish_chosen(
    pages: StaffAdmin, request: HttpRequest, queryset: QuerySet[Narrative]
) -> HttpResponse | None:
    """Asks first when it costs money."""
    wanted = PublishRequest.of(share_lexicon(queryset))
    is_to_be_asked = has_said_yes(request) or wanted.costs_money
    if is_to_be_asked and not confirmed_this(pages, request, wanted.fingerprint):
        return _ask_about_chosen(pages, request, wanted)
    publish_and_tell(pages, request, wanted)
    return None


def _ask_about_chosen(
    pages: StaffAdmin, request: HttpRequest, wanted: PublishRequest, *, back: str = ""
) -> HttpResponse:
    """The answer comes back as the action of the list."""
    texts = reverse("admin:narratives_narrative_changelist")
    chosen = [(ACTION_CHECKBOX_NAME, narrative.pk) for narrative in wanted.narratives]
    hidden = [("action", "publish_chosen"), *chosen]
    return _ask(pages, request, wanted, title="Publish", action=texts, back=back or texts, hidden=hidden)


# --- saved and published in one ---------------------------------------------------------------------------
def publish_saved(pages: StaffAdmin, request: HttpRequest, saved: Journey | Narrative) -> None:
    """Publish it, or leave it to `answer_after_saving` to ask about what costs money.

    Called in the transaction that saves, where no page can be shown.
    """
    wanted = PublishRequest.of(narratives_of(saved))
    if wanted.costs_money:
        saved.to_be_asked = wanted  # type: ignore[union-attr]
    else:
        publish_and_tell(pages, request, wanted)


def answer_after_saving(
    pages: StaffAdmin, request: HttpRequest, saved: Journey | Narrative
) -> HttpResponse | None:
    """Whoever publishes stays on the page, to see the clips being made; what costs money is asked first."""
    if "_publish" not in request.POST:
        return None
    wanted: PublishRequest | None = getattr(saved, "to_be_asked", None)
    if wanted is None:
        return redirect(request.path)
    if isinstance(saved, Journey):
        return _ask_about_journey(pages, request, saved, wanted)
    return _ask_about_chosen(pages, request, wanted, back=request.path)


# --- asked, done, told ------------------------------------------------------------------------------------
def _ask(pages: StaffAdmin, request: HttpRequest, wanted: PublishRequest, **question: Any) -> HttpResponse:
    ahead, planned = wanted.ahead, wanted.planned
    question["hidden"] = [*question.get("hidden", []), ("seen", wanted.fingerprint)]
    # Where nobody hears the old words there is nothing to keep until the new ones are ready.
    waits = any(each.journey.is_live for each in ahead) and bool(planned.missing or wanted.silent_voices)
    return pages.ask(
        request,
        narratives=ahead,
        summary=in_words(planned),
        verb="Make them first, then publish" if waits else "Publish",
        waits=waits,
        second=("at_once", "Publish anyway") if waits else None,
        wait_seconds=FIRST_WAIT_SECONDS,
        warning=wanted.warning,
        **question,
    )


def publish_and_tell(pages: StaffAdmin, request: HttpRequest, wanted: PublishRequest) -> None:
    """Publish what has changed, note who did it and at what price, and say what it brings about."""
    ahead, planned = wanted.ahead, wanted.planned
    if not ahead:
        says = "There is nothing to publish: listeners have these words."
        pages.message_user(request, says, messages.INFO)
        return
    publications = publishing.publish(
        ahead, requested_by=request.user.get_username(), at_once="at_once" in request.POST
    )
    with publishing.making_new_words():
        wanted_by = [(each, clips_of(each)) for each in publications]
    for publication, share in shares_of(planned, wanted_by):
        pages.log_and_tell(request, publication.journey, published_in_words(publication, share))
    if wanted.warning and publications:
        pages.message_user(request, wanted.warning, messages.WARNING)
    if not publications:
        says = "Listeners have these words; what was published before is taken back."
        pages.log_and_tell(request, ahead[0].journey, says)


def shares_of(
    planned: Plan, wanted: Iterable[tuple[Thing, Iterable[ClipSpec]]]
) -> Iterator[tuple[Thing, Plan]]:
    """Each thing with its own clips of a plan. What several want is counted with the first."""
    clips = {clip.content_hash: clip for clip in planned.clips}
    for thing, its in wanted:
        hashes = [each.speech.content_hash for each in its]
        yield thing, replace(planned, clips=tuple(clips.pop(each) for each in hashes if each in clips))


def published_in_words(publication: Publication, planned: Plan) -> str:
    texts = publication.revisions.count()
    count = f"Version {publication.number}: {texts} text{'' if texts == 1 else 's'}."
    if not publication.journey.is_live:
        return f"{count} Listeners get it once the journey is live."
    if publication.state == Publication.State.LIVE:
        sound = being_made_in_words(planned) if planned.missing else "All of its sound is there."
        return f"{count} Listeners have it now. {sound}"
    return (
        f"{count} {being_made_in_words(planned)} Listeners keep the old words and sound "
        "until every clip is there; then they get the new ones, all at once."
    )
