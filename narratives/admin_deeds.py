"""Publishing and making, as staff have it done: who may, what is asked first, what is said afterwards."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from narratives import publishing
from narratives.drafts import draft_clips
from narratives.models import Journey, Narrative
from ttscache import warming
from ttscache.admin_pages import StaffAdmin
from ttscache.admin_widgets import in_words
from ttscache.warming import Plan


class Deeds(StaffAdmin):
    """What the pages of journeys and of narratives can have done, and how they keep the pins in step."""

    @abstractmethod
    def narratives_of(self, saved: Any) -> list[Narrative]:
        """What is published when this page is saved and published in one."""

    # who may
    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What listeners have is taken from them only by who may publish."""
        may: bool = super().has_delete_permission(request, obj)
        return may and (not has_listeners(obj) or self.has_publish_permission(request))

    def has_publish_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request) and request.user.has_perm("narratives.publish_journey")

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = {**(extra_context or {}), "can_publish": self.has_publish_permission(request)}
        return super().changeform_view(request, object_id, form_url, context)  # type: ignore[no-any-return]

    # saving and deleting
    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Everything is saved now, and nothing committed."""
        super().save_related(request, form, formsets, change)
        publishing.hold_clips()
        if "_publish" in request.POST and self.has_publish_permission(request):
            self.publish(request, self.narratives_of(form.instance))

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        """Whoever publishes stays, to see the clips being made."""
        if "_publish" in request.POST:
            return redirect(request.path)
        return super().response_change(request, obj)  # type: ignore[no-any-return]

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        super().delete_model(request, obj)
        publishing.hold_clips()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        super().delete_queryset(request, queryset)
        publishing.hold_clips()

    # publishing
    def publish(self, request: HttpRequest, narratives: Iterable[Narrative]) -> None:
        """Publish what has changed, note who did it, and say what it brings about."""
        changed = [narrative for narrative in narratives if narrative.has_changes]
        if not changed:
            self.message_user(
                request, "There is nothing to publish: listeners have these words.", messages.INFO
            )
            return
        planned = warming.plan(draft_clips(changed))
        publishing.publish(changed, asked_by=request.user.get_username())
        for narrative, share in shares_of(planned, changed):
            self.log_change(request, narrative, f"Published. {made_in_words(narrative, share)}")
        self.message_user(request, published_in_words(changed, planned), messages.SUCCESS)

    # noting
    def log_made(self, request: HttpRequest, narratives: Iterable[Narrative], planned: Plan) -> None:
        """Note who had clips made, with what is missing of each narrative and its price."""
        for narrative, share in shares_of(planned, narratives):
            if share.missing:
                self.log_change(request, narrative, f"Made missing clips. {in_words(share, 'being made')}")


def has_listeners(thing: Journey | Narrative | None) -> bool:
    if isinstance(thing, Narrative):
        return thing.live is not None and thing.journey.is_live
    return thing is not None and thing.is_live


def shares_of(planned: Plan, narratives: Iterable[Narrative]) -> Iterator[tuple[Narrative, Plan]]:
    """Each narrative with its own clips of a plan. What several say is counted with the first."""
    clips = {clip.content_hash: clip for clip in planned.clips}
    for narrative in narratives:
        hashes = [wanted.speech.content_hash for wanted in draft_clips([narrative])]
        yield narrative, Plan(tuple(clips.pop(each) for each in hashes if each in clips))


def made_in_words(narrative: Narrative, planned: Plan) -> str:
    """What publishing it brings about, with count and price."""
    if not narrative.journey.is_live:
        return "Listeners get it once the journey is live."
    return in_words(planned, "being made") if planned.missing else "Its sound is there already."


def published_in_words(changed: Sequence[Narrative], planned: Plan) -> str:
    count = "1 text is published." if len(changed) == 1 else f"{len(changed)} texts are published."
    if not any(narrative.journey.is_live for narrative in changed):
        return f"{count} Listeners get them once the journey is live."
    if not planned.missing:
        return f"{count} Their sound is there already."
    return (
        f"{count} {in_words(planned)} The sound is being made now; until it is there, "
        "listeners of the new words may wait a moment for it."
    )
