"""Action items about wishes to publish, for publishers."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import reverse

from narratives.models import PublishingWish
from narratives.publishing.wishes import count_changed_texts
from ttscache.hooks import ActionItem
from ttscache.staff.wording import moment


def action_items_of_wishes() -> Iterator[ActionItem]:
    """An item for each wish, with a link to what has changed. Raises Error.

    A journey whose draft was edited back has nothing to publish, so its wish is left out.
    """
    wishes = PublishingWish.objects.filter(journey__deleted_at=None).select_related("journey", "asked_by")
    for wish in wishes:
        if number := count_changed_texts(wish.journey):
            texts = "1 changed text" if number == 1 else f"{number} changed texts"
            yield ActionItem(
                f"{wish}: {texts}, asked on {moment(wish.asked_at)}",
                reverse("admin:narratives_journey_publish_changes", args=[wish.journey_id]),
                "narratives.publish_journey",
            )
