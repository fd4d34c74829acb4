"""Action items about texts: drafts to publish, waiting versions, failed clips.

The dashboard asks for them through a hook each time it is shown, because ttscache does not know narratives.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from django.urls import reverse

from narratives import publishing
from narratives.models import Journey, Narrative, Publication
from narratives.staff.clip_status import add_clip_statuses, add_draft_changes, clip_statuses_of
from ttscache import warming
from ttscache.hooks import ActionItem
from ttscache.models import Clip
from ttscache.reports.retirements import VOICES_PAGE
from ttscache.staff.badges import FAILED, badges_of


def action_items_of_texts() -> Iterator[ActionItem]:
    """The action items, each with a link to exactly the texts it counts. Raises Error."""
    narratives = list(Narrative.objects.select_related("live", "pending", "journey"))
    texts = "admin:narratives_narrative_changelist"
    if failed := len(with_failed_clips(narratives)):
        says = "1 text has a clip" if failed == 1 else f"{failed} texts have clips"
        address = f"{texts}?state=failed"
        yield ActionItem(
            f"{says} that could not be made", address, "narratives.view_narrative", is_urgent=True
        )
    yield from _of_versions()
    journeys = Journey.objects.in_bulk()
    changes = publishing.draft_changes_of(journeys)
    if ahead := sum(len(each.texts) for each in changes.values()):
        says = "1 text has unpublished changes" if ahead == 1 else f"{ahead} texts have unpublished changes"
        yield ActionItem(says, f"{texts}?state=ahead", "narratives.view_narrative")
    for pk, each in changes.items():
        if gone := len(each.removed):
            count = "1 deleted text" if gone == 1 else f"{gone} deleted texts"
            says = f"Listeners still get {count} of “{journeys[pk]}”, until you publish"
            address = reverse("admin:narratives_journey_change", args=[pk])
            yield ActionItem(says, address, "narratives.view_journey")


def to_publish(narratives: Iterable[Narrative]) -> list[Narrative]:
    """Texts whose draft differs from what is published or waits: in words, place or kind, or that are new."""
    found = list(narratives)
    add_draft_changes(found)
    return [narrative for narrative in found if narrative.is_ahead]  # type: ignore[attr-defined]


def with_failed_clips(narratives: Iterable[Narrative]) -> list[Narrative]:
    """Texts whose draft could not be made in some voice.

    Leaves out texts of waiting versions, which have an action item of their own.
    """
    found = [narrative for narrative in narratives if narrative.pending is None]
    add_clip_statuses(found)
    return [
        each for each in found if any(status.badge.word == FAILED.word for status in clip_statuses_of(each))
    ]


def _of_versions() -> Iterator[ActionItem]:
    waiting = list(Publication.objects.waiting().select_related("journey"))
    silent = publishing.voices_without_new_words() if waiting else []
    for publication in waiting:
        if silent and publication.journey.is_live:
            yield ActionItem(
                f"Version {publication.number} of “{publication.journey}” waits until you choose who plays "
                f"{' and '.join(silent)}: new words cannot be made as this voice sounds today",
                VOICES_PAGE,
                "ttscache.view_rendition",
                is_urgent=True,
            )
            continue
        planned = warming.plan(publishing.makeable_publication_clips(publication))
        badges = badges_of(planned.missing)
        words = Counter(badges[clip.content_hash].word for clip in planned.missing)
        missing, failed = len(planned.missing), words[FAILED.word]
        is_paused = publishing.is_paused(publication)
        count = "1 clip is missing" if missing == 1 else f"{missing} clips are missing"
        yield ActionItem(
            f"Version {publication.number} of “{publication.journey}” is waiting: {count}"
            + (f", {failed} could not be made" if failed else "")
            + (". It is paused: press Resume on its page" if is_paused else ""),
            reverse("admin:narratives_journey_change", args=[publication.journey_id]),
            "narratives.view_journey",
            is_urgent=bool(failed),
        )


# --- reflections that are heard often -------------------------------------------------------------------
def address_in_bank(clip: Clip) -> str:
    """The form that adds this clip's words to the bank. The address has the key only, never the words."""
    return f"{reverse('admin:narratives_bankreflection_add')}?clip={clip.pk}"
