"""Clips made again: a good clip is replaced by a fresh one of the same words in the same voice.

The old one plays until the new one is kept, and stays where that fails. Who asks twice pays once: what is
under way is not asked for again, and an item is content with any clip that is newer than its own asking.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Max, QuerySet

from ttscache import warming
from ttscache.models import Clip, WarmItem, WarmRun, in_batches
from ttscache.warming import Plan, Wanted


def plan(wanted: Iterable[Wanted]) -> Plan:
    """Those that are there and that nobody makes again already; nothing is written."""
    made = [clip for clip in warming.plan(wanted).clips if clip.is_ready]
    under_way = {pk for pk, item in latest_remakes(made).items() if is_under_way(item)}
    return Plan(tuple(clip for clip in made if clip.pk not in under_way), is_again=True)


def start_run(scope: str, planned: Plan, *, asked_by: str = "") -> WarmRun:
    """Have the clips of this plan made again."""
    wanted = [Wanted(clip.request, clip.content_type) for clip in planned.clips]
    return warming.start_run(scope, wanted, asked_by=asked_by, is_again=True)


def latest_remakes(clips: Iterable[Clip]) -> dict[UUID, WarmItem]:
    """The last time that each of these was to be made again, by the clip's id; not those that never were."""
    remakes = WarmItem.objects.order_by().filter(newer_than__isnull=False)
    return {
        item.clip_id: item
        for some in in_batches([clip.pk for clip in clips])
        for item in _last_of(remakes.filter(clip__in=some))
    }


def is_under_way(item: WarmItem) -> bool:
    return item.state in WarmItem.OPEN and item.run.state in WarmRun.ACTIVE


def _last_of(items: QuerySet[WarmItem]) -> QuerySet[WarmItem]:
    last = items.values("clip").annotate(last=Max("pk")).values("last")
    return WarmItem.objects.order_by().filter(pk__in=last).select_related("run")
