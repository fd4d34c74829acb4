"""Publishing and making, as staff have it done: who may, what is asked first, what is said afterwards."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from narratives import publishing
from narratives.drafts import draft_clips
from narratives.models import Journey, Narrative, Publication
from narratives.publishing import clips_of
from ttscache import warming
from ttscache.staff.pages import StaffAdmin, has_said_yes
from ttscache.staff.wording import being_made_in_words, in_words
from ttscache.warming import Plan, Wanted

FIRST_WAIT_SECONDS = 2  # what a listener waits for a clip that is not there, about
CHANGED_SINCE = "The drafts have changed since you looked. This is how it is now."

Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class Press:
    """What somebody wants published, looked at once: the texts that have changed, and what is to be made.

    What waits already is taken along, and so are its clips.
    """

    narratives: Sequence[Narrative]
    ahead: Sequence[Narrative]
    planned: Plan

    @classmethod
    def of(cls, narratives: Sequence[Narrative]) -> Press:
        ahead = [narrative for narrative in narratives if narrative.is_ahead]
        return cls(
            narratives, ahead, warming.plan([*draft_clips(ahead), *publishing.taken_along_with(ahead)])
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


class Deeds(StaffAdmin):
    """What the pages of journeys and of narratives can have done, and how they keep the pins in step."""

    confirmation_template = "admin/narratives/confirm.html"

    @abstractmethod
    def narratives_of(self, saved: Any) -> list[Narrative]:
        """What is published when this page is saved and published in one."""

    def page_of(self, thing: Journey | Narrative) -> str:
        return reverse(f"admin:narratives_{thing._meta.model_name}_change", args=[thing.pk])

    # who may
    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What listeners have is taken from them only by who may publish."""
        may: bool = super().has_delete_permission(request, obj)
        return may and (not has_listeners(obj) or self.has_publish_permission(request))

    def has_publish_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request) and request.user.has_perm("narratives.publish_journey")

    def page_context(self, request: HttpRequest, object_id: str | None) -> dict[str, Any]:
        may_publish = self.has_publish_permission(request)
        return super().page_context(request, object_id) | {"can_publish": may_publish, "is_draft": True}

    # saving
    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Everything is saved now, and nothing committed."""
        super().save_related(request, form, formsets, change)
        publishing.hold_clips()
        if "_publish" in request.POST and self.has_publish_permission(request):
            press = Press.of(self.narratives_of(form.instance))
            if press.costs_money:
                form.instance.to_be_asked = press
            else:
                self.publish(request, press)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        """Whoever publishes stays, to see the clips being made; what costs money is asked first."""
        if "_publish" not in request.POST:
            return super().response_change(request, obj)  # type: ignore[no-any-return]
        press: Press | None = getattr(obj, "to_be_asked", None)
        return redirect(request.path) if press is None else self.ask_to_publish(request, obj, press)

    # publishing
    def publish(self, request: HttpRequest, press: Press) -> None:
        """Publish what has changed, note who did it and at what price, and say what it brings about."""
        ahead, planned = press.ahead, press.planned
        if not ahead:
            self.message_user(
                request, "There is nothing to publish: listeners have these words.", messages.INFO
            )
            return
        publications = publishing.publish(
            ahead, asked_by=request.user.get_username(), at_once="at_once" in request.POST
        )
        for publication, share in shares_of(planned, [(each, clips_of(each)) for each in publications]):
            says = published_in_words(publication, share)
            self.log_change(request, publication.journey, says)
            self.message_user(request, says, messages.SUCCESS)
        if not publications:
            says = "Listeners have these words; what was published before is taken back."
            self.log_change(request, ahead[0].journey, says)
            self.message_user(request, says, messages.SUCCESS)

    def has_agreed(self, request: HttpRequest, fingerprint: str) -> bool:
        """Whether somebody has said yes to just what this is the fingerprint of; who saw other is told."""
        if not has_said_yes(request) or request.POST.get("seen", fingerprint) == fingerprint:
            return has_said_yes(request)
        self.message_user(request, CHANGED_SINCE, messages.WARNING)
        return False

    @abstractmethod
    def ask_to_publish(self, request: HttpRequest, saved: Any, press: Press) -> HttpResponse:
        """A page that says what publishing these would bring about, and goes ahead when it is sent back."""

    def ask_about(self, request: HttpRequest, press: Press, **question: Any) -> HttpResponse:
        ahead, planned = press.ahead, press.planned
        question["hidden"] = [*question.get("hidden", []), ("seen", press.fingerprint)]
        # Where nobody hears the old words there is nothing to keep until the new ones are ready.
        waits = any(each.journey.is_live for each in ahead) and bool(planned.missing)
        return self.ask(
            request,
            narratives=ahead,
            summary=in_words(planned),
            verb="Make them first, then publish" if waits else "Publish",
            waits=waits,
            second=("at_once", "Publish anyway") if waits else None,
            wait_seconds=FIRST_WAIT_SECONDS,
            **question,
        )

    # noting
    def log_made(
        self, request: HttpRequest, narratives: Iterable[Narrative], planned: Plan, says: str
    ) -> None:
        """Note who had clips made, with what is made of each narrative and its price."""
        wanted = [(narrative, draft_clips([narrative])) for narrative in narratives]
        for narrative, share in shares_of(planned, wanted):
            if share.missing:
                self.log_change(request, narrative, f"{says} {being_made_in_words(share)}")


def fingerprint_of(seen: object) -> str:
    """Equal where the same was seen, as far as its repr() tells."""
    return hashlib.sha256(repr(seen).encode()).hexdigest()


def has_listeners(thing: Journey | Narrative | None) -> bool:
    if isinstance(thing, Narrative):
        return thing.live is not None and thing.journey.is_live
    return thing is not None and thing.is_live


def shares_of(
    planned: Plan, wanted: Iterable[tuple[Thing, Iterable[Wanted]]]
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
