"""Duplicate a text or a whole journey. The copy is a draft."""

from __future__ import annotations

from django.db import transaction

from narratives import publishing
from narratives.editing.drafts import free_slug, put_in_order, save_draft
from narratives.models import Journey, Narrative

COPY = "{} (copy)"
WORDS = ("kind", "text", "stage", "theme")


@transaction.atomic
def duplicate_narrative(narrative: Narrative) -> Narrative:
    """Insert a copy right after the original. Its title ends in "(copy)"."""
    publishing.lock_publishing()
    copy = Narrative(journey=narrative.journey, title=_titled(narrative), **_words(narrative))
    save_draft(copy, ["title", "text"])
    order = [each for each in narrative.journey.narratives.all() if each != copy]
    order.insert(order.index(narrative) + 1, copy)
    put_in_order(order)
    publishing.sync_pins()
    return copy


@transaction.atomic
def duplicate_journey(journey: Journey) -> Journey:
    """Copy a journey with the current drafts of all its texts. The copy is neither live nor the default."""
    publishing.lock_publishing()
    # A slug has at most 50 characters: leave room for "-copy" and a number.
    slug = free_slug(f"{journey.slug[:40]}-copy", Journey.objects.all())
    copy = Journey.objects.create(
        slug=slug, title=_titled(journey), description=journey.description, language=journey.language
    )
    for narrative in journey.narratives.all():
        place = {"slug": narrative.slug, "position": narrative.position, "title": narrative.title}
        Narrative.objects.create(journey=copy, **place, **_words(narrative))
    publishing.sync_pins()
    return copy


def _titled(thing: Journey | Narrative) -> str:
    longest = 200 - len(COPY.format(""))  # the column holds 200 characters
    return COPY.format(thing.title[:longest])


def _words(narrative: Narrative) -> dict[str, str]:
    return {name: getattr(narrative, name) for name in WORDS}
