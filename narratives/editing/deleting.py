"""Delete texts and journeys, and restore them unchanged for DAYS_KEPT days.

Deleting a text is part of the draft: listeners keep it until its journey is published. Deleting a journey
takes it away from listeners at once. The clips that listeners had are kept for DAYS_KEPT days after that.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from narratives import publishing
from narratives.editing.drafts import free_slug, put_in_order
from narratives.models import Journey, Narrative, Publication
from ttscache.pins import RECENT_DAYS

DAYS_KEPT = RECENT_DAYS


# --- deleting ------------------------------------------------------------------------------------------
@transaction.atomic
def delete_narratives(narratives: Iterable[Narrative], *, by: str = "") -> None:
    """Take texts out of the draft. Listeners keep those that are published until the journey is published."""
    publishing.lock_publishing()
    chosen = {narrative.pk for narrative in narratives}
    for journey in Journey.objects.filter(narratives__in=chosen).distinct():
        left = list(journey.narratives.all())
        # Last one first, so that each position counts the texts before it that are still there.
        for narrative in [each for each in reversed(left) if each.pk in chosen]:
            narrative.position = left.index(narrative)
            left.remove(narrative)
            _mark(narrative, timezone.now(), by)
        put_in_order(left)
    publishing.sync_pins()


@transaction.atomic
def delete_journeys(journeys: Iterable[Journey], *, by: str = "") -> None:
    """Hide journeys with all their texts, from listeners too. Restoring a journey restores these texts."""
    publishing.lock_publishing()
    for journey in Journey.objects.filter(pk__in=[journey.pk for journey in journeys]):
        now = timezone.now()
        journey.narratives.update(deleted_at=now, deleted_by=by)
        _mark(journey, now, by)
        if journey.waiting is not None:
            publishing.mark_withdrawn(journey.waiting)  # its texts keep `pending`, for `restore_journeys`
    publishing.sync_pins()


def _mark(thing: Journey | Narrative, when: datetime, by: str) -> None:
    thing.deleted_at, thing.deleted_by = when, by
    place = ["position"] if isinstance(thing, Narrative) else []
    thing.save(update_fields=["deleted_at", "deleted_by", *place])


# --- restoring -----------------------------------------------------------------------------------------
@transaction.atomic
def restore_narratives(narratives: Iterable[Narrative]) -> list[Narrative]:
    """Put texts back into the draft, in their places. Skips texts of deleted journeys."""
    publishing.lock_publishing()
    chosen = [narrative.pk for narrative in narratives]
    deleted = Narrative.everything.filter(
        pk__in=chosen, deleted_at__isnull=False, journey__deleted_at__isnull=True
    )
    # Last deleted first: each position counts the texts that were present when it was deleted.
    restored = list(deleted.select_related("journey").order_by("-deleted_at"))
    for narrative in restored:
        order = list(narrative.journey.narratives.all())
        order.insert(_place_now(narrative), narrative)
        narrative.slug = free_slug(narrative.slug, narrative.journey.narratives.all())
        narrative.deleted_at, narrative.deleted_by = None, ""
        narrative.save(update_fields=["slug", "deleted_at", "deleted_by"])
        put_in_order(order)
    publishing.sync_pins()
    return restored


@transaction.atomic
def restore_journeys(journeys: Iterable[Journey], *, by: str = "") -> list[Journey]:
    """Restore journeys, with the texts that were deleted together with them.

    A journey does not become the default again if another one is the default now.
    """
    publishing.lock_publishing()
    chosen = [journey.pk for journey in journeys]
    restored = list(Journey.everything.filter(pk__in=chosen, deleted_at__isnull=False))
    for journey in restored:
        # Texts deleted with the journey have its exact time; texts deleted earlier stay deleted.
        with_it = Narrative.everything.filter(journey=journey, deleted_at=journey.deleted_at)
        with_it.update(deleted_at=None, deleted_by="")
        journey.slug = free_slug(journey.slug, Journey.objects.all())
        if Journey.objects.filter(is_default=True).exists():
            journey.is_default = False
        journey.deleted_at, journey.deleted_by = None, ""
        journey.save(update_fields=["slug", "is_default", "deleted_at", "deleted_by"])
        _go_on_waiting(journey, by)
    publishing.sync_pins()
    return restored


def _place_now(narrative: Narrative) -> int:
    """The text's position among the present texts.

    Texts deleted after it no longer count, and those that stood behind it move back by one.
    """
    place = narrative.position
    later = Narrative.everything.filter(
        journey=narrative.journey, deleted_at__gt=narrative.deleted_at, journey__deleted_at__isnull=True
    )
    for other in later.order_by("deleted_at"):
        if other.position < place:
            place -= 1
        else:
            other.position += 1
            other.save(update_fields=["position"])
    return place


def _go_on_waiting(journey: Journey, by: str) -> None:
    """Let the publication wait again that the journey's deletion interrupted."""
    pending = journey.narratives.filter(pending__isnull=False).values("pending__publication")
    for publication in Publication.objects.filter(pk__in=pending, state=Publication.State.WITHDRAWN):
        publishing.wait_again(publication, requested_by=by)


# --- removing for good ---------------------------------------------------------------------------------
@transaction.atomic
def remove_for_good() -> None:
    """Remove what was deleted more than DAYS_KEPT days ago. Called once a day.

    A text that was ever published stays, hidden, for as long as its journey: listeners may still have it, and
    the versions of the journey can be gone back to.
    """
    publishing.lock_publishing()
    long_ago = timezone.now() - timedelta(days=DAYS_KEPT)
    Journey.everything.filter(deleted_at__lt=long_ago).delete()
    Narrative.everything.filter(deleted_at__lt=long_ago, entries__isnull=True).delete()
