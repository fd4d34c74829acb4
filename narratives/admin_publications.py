"""The pages of what a journey has published: what waits for its sound, and the versions before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from unfold.decorators import action

from narratives import publishing
from narratives.admin_deeds import FIRST_WAIT_SECONDS, Deeds, fingerprint_of
from narratives.drafts import draft_clips
from narratives.models import Journey, Narrative, Publication, Revision
from narratives.versions import changes_of, restore, words_as_of
from ttscache import warming
from ttscache.models import WarmRun
from ttscache.staff.badges import FAILED, badges_of
from ttscache.staff.clip_widgets import progress_bar
from ttscache.staff.pages import has_said_yes
from ttscache.staff.wording import being_made_in_words, in_words
from ttscache.warming import Plan

VERSIONS_A_PAGE = 20


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
        return cls(publication, warming.plan(publishing.clips_of(publication)), runs.first())

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
        return "Go on" if self.is_paused else "Try again"

    @property
    def held_up(self) -> str:
        return self.run.get_paused_because_display() if self.run is not None else ""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a text says before it goes back to other words."""

    title: str
    text: str
    is_unpublished: bool

    @classmethod
    def of(cls, narrative: Narrative) -> Draft:
        live = narrative.live
        return cls(narrative.title, narrative.text, live is None or live.text != narrative.text)


class PublicationPages(Deeds):
    """What the pages of a journey have of its publications."""

    def get_urls(self) -> list[Any]:
        waiting = path(
            "<int:object_id>/waiting/<slug:deed>/",
            self.admin_site.admin_view(self.waiting_view),
            name="narratives_journey_waiting",
        )
        going_back = path(
            "<int:object_id>/versions/<int:number>/restore/",
            self.admin_site.admin_view(self.restore_view),
            name="narratives_journey_restore",
        )
        return [waiting, going_back, *super().get_urls()]

    def page_context(self, request: HttpRequest, object_id: str | None) -> dict[str, Any]:
        context = super().page_context(request, object_id)
        journey = self.get_object(request, object_id) if object_id else None
        if journey is not None:
            context["waiting"] = Waiting.of(journey)
            context["version"] = journey.publications.heard().first()
            context["next_number"] = journey.next_number
        return context

    def _journey(self, request: HttpRequest, object_id: int | str, *, is_allowed: bool) -> Journey:
        journey = self.get_object(request, str(object_id))
        if journey is None:
            raise Http404
        if not is_allowed:
            raise PermissionDenied
        return journey  # type: ignore[no-any-return]

    # --- what waits ---------------------------------------------------------------------------------------
    def waiting_view(self, request: HttpRequest, object_id: int, deed: str) -> HttpResponse:
        is_allowed = self.has_publish_permission(request)
        if deed == "make":
            is_allowed = is_allowed and self.has_make_permission(request)
        journey = self._journey(request, object_id, is_allowed=is_allowed)
        deeds = {"make": self._make, "anyway": self._publish_anyway, "withdraw": self._withdraw}
        waiting = Waiting.of(journey)
        if deed not in deeds:
            raise Http404
        if waiting is None:
            self.message_user(request, "Nothing waits any more: listeners have it all.", messages.INFO)
            return redirect(self.page_of(journey))
        if not has_said_yes(request):
            return self._ask_about(request, waiting, deed)
        said = deeds[deed](request, waiting)
        self.log_change(request, journey, said)
        self.message_user(request, said, messages.SUCCESS)
        return redirect(self.page_of(journey))

    def _ask_about(self, request: HttpRequest, waiting: Waiting, deed: str) -> HttpResponse:
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
        verb, summary = asked[deed]
        journey = waiting.publication.journey
        return self.ask(
            request, title=f"{verb}: {journey}", verb=verb, summary=summary, back=self.page_of(journey)
        )

    def _make(self, request: HttpRequest, waiting: Waiting) -> str:
        publishing.go_on(waiting.publication, asked_by=request.user.get_username())
        publishing.switch_what_is_ready()  # what was missing may have come meanwhile
        return f"Version {waiting.publication.number}: {being_made_in_words(waiting.planned)}"

    def _publish_anyway(self, request: HttpRequest, waiting: Waiting) -> str:
        publishing.publish_anyway(waiting.publication)
        return f"Listeners have version {waiting.publication.number} now. {in_words(waiting.planned)}"

    def _withdraw(self, request: HttpRequest, waiting: Waiting) -> str:
        publishing.withdraw(waiting.publication)
        return f"Version {waiting.publication.number} is taken back; its words are drafts."

    # --- versions -----------------------------------------------------------------------------------------
    @action(description="Versions", url_path="versions", permissions=["view"], icon="history")  # type: ignore[untyped-decorator]
    def versions(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What was published, by whom, when; the words that changed, and how they sounded."""
        journey = self._journey(request, object_id, is_allowed=self.has_view_permission(request))
        page = Paginator(journey.publications.select_related("journey"), VERSIONS_A_PAGE).get_page(
            request.GET.get("page")
        )
        changes = changes_of(page.object_list)
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "title": f"Versions: {journey}",
            "journey": journey,
            "page": page,
            "versions": [(publication, changes[publication.pk]) for publication in page.object_list],
            "may_restore": self.has_change_permission(request, journey)
            and request.user.has_perm("narratives.change_narrative"),
        }
        return TemplateResponse(request, "admin/narratives/journey/versions.html", context)

    def restore_view(self, request: HttpRequest, object_id: int, number: int) -> HttpResponse:
        may = self.has_change_permission(request) and request.user.has_perm("narratives.change_narrative")
        journey = self._journey(request, object_id, is_allowed=may)
        publication = journey.publications.filter(number=number).select_related("journey").first()
        if publication is None:
            raise Http404
        chosen = request.GET.get("text", "")
        text = int(chosen) if chosen.isdecimal() else None  # one of its texts, or all
        words = words_as_of(publication, text)
        seen = _fingerprint(words)
        if words and not self.has_agreed(request, seen):
            for narrative, revision in words.items():
                narrative.draft = Draft.of(narrative)  # type: ignore[attr-defined]
                narrative.title, narrative.text = revision.title, revision.text
            planned = warming.plan(draft_clips(words))
            sound = "All of its sound is kept." if not planned.missing else in_words(planned)
            return self.ask(
                request,
                title=f"Back to version {number}: {journey}",
                heading="These words become drafts again:",
                narratives=list(words),
                summary=f"{sound} Listeners get them once you publish; nothing is made until then.",
                verb="Restore these drafts",
                hidden=[("seen", seen)],
                back=reverse("admin:narratives_journey_versions", args=[journey.pk]),
            )
        restored = restore(publication, text)
        said = f"Drafts as in version {number}: {len(restored)} text{'' if len(restored) == 1 else 's'}."
        if restored:
            self.log_change(request, journey, said)
        self.message_user(request, said if restored else "The drafts have these words already.")
        return redirect(self.page_of(journey))


def _fingerprint(words: Mapping[Narrative, Revision]) -> str:
    """Equal where the same drafts would become the same words."""
    return fingerprint_of([(each.pk, each.title, each.text, revision.pk) for each, revision in words.items()])
