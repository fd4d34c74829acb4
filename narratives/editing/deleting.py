"""Delete, and take it back: what is deleted is nowhere, and for DAYS_KEPT it can be had back as it was.

Of the sound, what listeners had is kept as long, like that of every text they had lately.
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


# --- deleted ---------------------------------------------------------------------------------------------
@transaction.atomic
def delete_narratives(narratives: Iterable[Narrative], *, by: str = "") -> None:
    """Listeners lose them at once."""
    publishing.lock_publishing()
    chosen = {narrative.pk for narrative in narratives}
    for journey in Journey.objects.filter(narratives__in=chosen).distinct():
        left = list(journey.narratives.all())
        # The last one first, so that the place of each is the one among all that came before it.
        for narrative in [each for each in reversed(left) if each.pk in chosen]:
            narrative.position = left.index(narrative)
            left.remove(narrative)
            _mark(narrative, timezone.now(), by)
        put_in_order(left)
        _set_aside_what_is_empty(journey)
    publishing.sync_pins()


@transaction.atomic
def delete_journeys(journeys: Iterable[Journey], *, by: str = "") -> None:
    """With all of its texts, which come back with it."""
    publishing.lock_publishing()
    for journey in Journey.objects.filter(pk__in=[journey.pk for journey in journeys]):
        now = timezone.now()
        journey.narratives.update(deleted_at=now, deleted_by=by)
        _mark(journey, now, by)
        _set_aside_what_is_empty(journey)
    publishing.sync_pins()


def _mark(thing: Journey | Narrative, when: datetime, by: str) -> None:
    thing.deleted_at, thing.deleted_by = when, by
    place = ["position"] if isinstance(thing, Narrative) else []
    thing.save(update_fields=["deleted_at", "deleted_by", *place])


def _set_aside_what_is_empty(journey: Journey) -> None:
    """A publication of which nothing is left waits no more; its words remember that they waited in it."""
    publication = journey.waiting
    if publication is not None and not publishing.given_by(publication).exists():
        publishing.mark_withdrawn(publication)


# --- taken back ------------------------------------------------------------------------------------------
@transaction.atomic
def restore_narratives(narratives: Iterable[Narrative], *, by: str = "") -> list[Narrative]:
    """In their places, with what listeners had of them. Those of a deleted journey come back with it."""
    publishing.lock_publishing()
    chosen = [narrative.pk for narrative in narratives]
    deleted = Narrative.everything.filter(
        pk__in=chosen, deleted_at__isnull=False, journey__deleted_at__isnull=True
    )
    restored = list(deleted.select_related("journey").order_by("-deleted_at"))
    for narrative in restored:
        order = list(narrative.journey.narratives.all())
        order.insert(_place_now(narrative), narrative)
        narrative.slug = free_slug(narrative.slug, narrative.journey.narratives.all())
        narrative.deleted_at, narrative.deleted_by = None, ""
        narrative.save(update_fields=["slug", "deleted_at", "deleted_by"])
        put_in_order(order)
    for journey in {narrative.journey for narrative in restored}:
        _go_on_waiting(journey, by)
    publishing.sync_pins()
    return restored


@transaction.atomic
def restore_journeys(journeys: Iterable[Journey], *, by: str = "") -> list[Journey]:
    """As they were, with the texts that were deleted with them."""
    publishing.lock_publishing()
    chosen = [journey.pk for journey in journeys]
    restored = list(Journey.everything.filter(pk__in=chosen, deleted_at__isnull=False))
    for journey in restored:
        with_it = Narrative.everything.filter(journey=journey, deleted_at=journey.deleted_at)
        with_it.update(deleted_at=None, deleted_by="")
        journey.slug = free_slug(journey.slug, Journey.objects.all())
        if Journey.objects.filter(is_default=True).exists():
            journey.is_default = False  # another one is by now
        journey.deleted_at, journey.deleted_by = None, ""
        journey.save(update_fields=["slug", "is_default", "deleted_at", "deleted_by"])
        _go_on_waiting(journey, by)
    publishing.sync_pins()
    return restored


def _place_now(narrative: Narrative) -> int:
    """Its place among those that are there, whatever was deleted after it; they get theirs behind it."""
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
    """What waited for its sound does so again; where listeners have another version by now, it is a draft."""
    pending = journey.narratives.filter(pending__isnull=False).values("pending")
    interrupted = Publication.objects.filter(revisions__in=pending).exclude(state=Publication.State.WAITING)
    for publication in interrupted.distinct().order_by("-number"):
        if publication.state == Publication.State.WITHDRAWN and journey.waiting is None:
            publishing.wait_again(publication, requested_by=by)
        else:
            publication.revisions.filter(pk__in=pending).delete()  # nobody ever heard them


# --- for good --------------------------------------------------------------------------------------------
@transaction.atomic
def remove_for_good() -> None:
    """Called once a day: what was deleted longer than DAYS_KEPT ago."""
    publishing.lock_publishing()
    long_ago = timezone.now() - timedelta(days=DAYS_KEPT)
    Narrative.everything.filter(deleted_at__lt=long_ago).delete()
    Journey.everything.filter(deleted_at__lt=long_ago).delete()
