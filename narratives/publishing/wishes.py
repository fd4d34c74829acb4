"""Wishes to publish end when everything of their journey is published or waits for its clips."""

from __future__ import annotations

from narratives.models import PublishingWish
from narratives.publishing.draft_changes import draft_changes_of


def close_answered_wishes() -> None:
    """Delete the wishes of journeys that have no unpublished changes. One query if there is no wish."""
    wishes = list(PublishingWish.objects.all())
    changes = draft_changes_of(wish.journey_id for wish in wishes) if wishes else {}
    for wish in wishes:
        if changes[wish.journey_id].is_empty:
            wish.delete()
