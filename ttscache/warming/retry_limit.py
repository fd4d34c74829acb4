"""How often a clip may fail before it waits for staff. Each try may cost money."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from itertools import chain

from django.db.models import Count, Exists, OuterRef, QuerySet

from ttscache.models import Clip, WarmItem, in_batches

MOST_TRIES = 24  # the hourly schedule reaches it within a day


def exhausted(clips: Iterable[Clip]) -> frozenset[uuid.UUID]:
    """Ids of the clips that failed MOST_TRIES times since they were last ready, in any run."""
    found = (
        _too_often(WarmItem.objects.filter(clip__in=some)) for some in in_batches([clip.pk for clip in clips])
    )
    return frozenset(chain.from_iterable(found))


def exhausted_clips(missing: QuerySet[Clip]) -> QuerySet[Clip]:
    """The clips among `missing` that failed MOST_TRIES times, as one query."""
    return missing.filter(
        pk__in=_too_often(WarmItem.objects.filter(clip__in=missing.order_by().values("pk")))
    )


def _too_often(items: QuerySet[WarmItem]) -> QuerySet[WarmItem, uuid.UUID]:
    state = WarmItem.State
    # Items get ascending keys, so a later try of the clip has a larger one.
    there_since = WarmItem.objects.filter(
        clip=OuterRef("clip"), pk__gt=OuterRef("pk"), state__in=[state.DONE, state.SKIPPED]
    )
    failed = items.filter(~Exists(there_since), state=state.FAILED).order_by()
    often = failed.values("clip").annotate(tries=Count("pk")).filter(tries__gte=MOST_TRIES)
    return often.values_list("clip", flat=True)
