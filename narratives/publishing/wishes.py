"""Wishes to publish end when everything of their journey is published or waits for its clips."""

from __future__ import annotations

from narratives.models import Journey, PublishingWish, share_lexicon


def close_answered_wishes() -> None:
    """Delete the wishes of journeys that have no unpublished changes. There are a few wishes at most."""
    for wish in PublishingWish.objects.select_related("journey"):
        if not count_changed_texts(wish.journey):
            wish.delete()


def count_changed_texts(journey: Journey) -> int:
    """The number of texts whose draft differs from what is published or waits."""
    texts = share_lexicon(journey.narratives.select_related("live", "pending"))
    return sum(text.has_unpublished_changes for text in texts)
