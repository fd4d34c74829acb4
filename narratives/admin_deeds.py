"""Publishing and making, as staff have it done: who may, what is asked first, what is said afterwards."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from narratives import publishing
from narratives.drafts import draft_clips
from narratives.models import Narrative
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
    def has_publish_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request) and request.user.has_perm("narratives.change_narrative")

    def has_make_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_publish_permission(request)

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
        for narrative in changed:
            self.log_change(request, narrative, "Published.")
        self.message_user(request, published_in_words(changed, planned), messages.SUCCESS)


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
