"""Remakes: a good clip is replaced by a new take of its words in its voice.

The old clip plays until the new one is stored, and stays if that fails. Two requests pay once: a clip that is
being remade is not planned again, and an item accepts any clip that is newer than its own request.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Max, QuerySet

from ttscache.models import Clip, WarmItem, WarmRun, in_batches
from ttscache.speech import ClipSpec
from ttscache.warming.plan import Plan, plan
from ttscache.warming.runs import start_run


def plan_remakes(specs: Iterable[ClipSpec]) -> Plan:
    """The ready clips that can be made again and are not being remade already. Writes nothing."""
    made = [clip for clip in plan(specs, remake=True).clips if clip.is_ready]
    under_way = {pk for pk, item in latest_remakes(made).items() if is_under_way(item)}
    return Plan(tuple(clip for clip in made if clip.pk not in under_way), remake=True)


def start_remake(scope: str, planned: Plan, *, requested_by: str = "") -> WarmRun:
    specs = [ClipSpec(clip.request, clip.content_type) for clip in planned.clips]
    return start_run(scope, specs, requested_by=requested_by, remake=True)


def latest_remakes(clips: Iterable[Clip]) -> dict[UUID, WarmItem]:
    """The latest remake of each of these clips, by the clip's id; clips never remade are left out."""
    remakes = WarmItem.objects.order_by().filter(newer_than__isnull=False)
    return {
        item.clip_id: item
        for some in in_batches([clip.pk for clip in clips])
        for item in last_of_each_clip(remakes.filter(clip__in=some))
    }


def is_under_way(item: WarmItem) -> bool:
    return item.state in WarmItem.OPEN and item.run.state in WarmRun.ACTIVE


def last_of_each_clip(items: QuerySet[WarmItem]) -> QuerySet[WarmItem]:
    last = items.values("clip").annotate(last=Max("pk")).values("last")
    return WarmItem.objects.order_by().filter(pk__in=last).select_related("run")
