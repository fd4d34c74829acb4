"""Action items about wishes to publish, for publishers."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import reverse

from narratives.models import PublishingWish
from narratives.publishing import draft_changes_of
from ttscache.hooks import ActionItem
from ttscache.staff.wording import moment


def action_items_of_wishes() -> Iterator[ActionItem]:
    """An item for each wish, with a link to the changes. Raises Error.

    A journey whose draft was edited back has nothing to publish, so its wish is left out.
    """
    present = PublishingWish.objects.filter(journey__deleted_at=None)
    wishes = list(present.select_related("journey", "asked_by"))
    changes = draft_changes_of(wish.journey_id for wish in wishes) if wishes else {}
    for wish in wishes:
        if said := changes[wish.journey_id].in_words:
            yield ActionItem(
                f"{wish}: {said}, asked on {moment(wish.asked_at)}",
                reverse("admin:narratives_journey_publish_changes", args=[wish.journey_id]),
                "narratives.publish_journey",
            )
