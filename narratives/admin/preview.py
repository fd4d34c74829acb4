"""Preview a journey's drafts in listening order, with the clips that exist. It makes no clips."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from unfold.decorators import action

from narratives.admin.lookups import narratives_of, page_of
from narratives.models import Journey, Narrative
from narratives.staff.clip_status import add_clip_statuses, add_draft_changes, count_up_to_date, state_of
from ttscache.conf import conf
from ttscache.staff.clip_widgets import progress_bar
from ttscache.staff.pages import StaffAdmin


@action(description="Preview", url_path="preview", permissions=["view"], icon="visibility")  # type: ignore[untyped-decorator]
def preview_journey(pages: StaffAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    journey: Journey = pages.get_or_404(request, object_id)
    narratives = narratives_of(journey)
    add_clip_statuses(narratives)
    add_draft_changes(narratives)
    for narrative in narratives:
        narrative.standing = state_of(narrative)  # type: ignore[attr-defined]
    return pages.show(
        request,
        "admin/narratives/journey/preview.html",
        title=f"Preview: {journey}",
        journey=journey,
        told=_placed(narratives),
        helping=[each for each in narratives if each.kind == Narrative.Kind.SYSTEM],
        voices=conf().listener_voices,
        readiness=progress_bar(*count_up_to_date(narratives)),
        back=page_of(journey),
    )


def _placed(narratives: list[Narrative]) -> list[tuple[str, Narrative]]:
    """The texts in listening order, each with its place, such as "Question 2 of 9"."""
    questions = [each for each in narratives if each.is_question]
    number = {each: f"Question {place} of {len(questions)}" for place, each in enumerate(questions, start=1)}
    # System clips have no place of their own: the page plays them when they are needed.
    told = [each for each in narratives if each.kind != Narrative.Kind.SYSTEM]
    return [(number.get(each) or each.get_kind_display(), each) for each in told]
