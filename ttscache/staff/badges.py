"""The state of a clip or a run as a badge: an icon, a word and a colour."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from ttscache.coordination.leases import remembered_errors
from ttscache.errors import ModelRetired
from ttscache.models import Clip, PruneRun, WarmItem, WarmRun
from ttscache.renditions.retirement import gone_models
from ttscache.staff.held_up import HeldUp
from ttscache.warming.remaking import last_of_each_clip


@dataclass(frozen=True, slots=True)
class Badge:
    """An icon, a word and a colour. `note` explains it in a sentence; `held_up` says why work is paused."""

    word: str
    icon: str  # of Material Symbols
    tone: str  # success, info, warning, danger or neutral
    note: str = ""
    is_settled: bool = True  # staff.js refreshes the page while one of its badges is not settled
    held_up: str = ""

    def __str__(self) -> str:
        return self.html

    @property
    def html(self) -> SafeString:
        return render_to_string("ttscache/staff/badge.html", {"badge": self})


MADE = Badge("Made", "check_circle", "success")
NOT_MADE = Badge("Not made", "circle", "neutral")
BEING_MADE = Badge("Being made", "hourglass_top", "info", is_settled=False)
HELD_UP = Badge("Held up", "front_hand", "warning", is_settled=False)
PAUSED = Badge("Paused", "pause_circle", "warning", is_settled=False)
WAITING = Badge("Waiting", "schedule", "neutral", is_settled=False)
FAILED = Badge("Failed", "error", "danger")
CANCELLED = Badge("Cancelled", "cancel", "neutral")

ITEM_BADGES = {
    WarmItem.State.QUEUED: WAITING,
    WarmItem.State.MAKING: BEING_MADE,
    WarmItem.State.DONE: MADE,
    WarmItem.State.SKIPPED: Badge("Already there", "check", "success"),
    WarmItem.State.FAILED: FAILED,
    WarmItem.State.CANCELLED: CANCELLED,
}
RUN_BADGES = {
    WarmRun.State.QUEUED: WAITING,
    WarmRun.State.RUNNING: BEING_MADE,
    WarmRun.State.PAUSED: Badge("Paused", "pause_circle", "warning"),
    WarmRun.State.DONE: Badge("Done", "check_circle", "success"),
    WarmRun.State.FAILED: FAILED,
    WarmRun.State.CANCELLED: CANCELLED,
}
PRUNE_BADGES = {
    PruneRun.State.PLANNED: Badge(
        "Planned", "checklist", "neutral", "Nothing is removed until staff confirm it."
    ),
    PruneRun.State.RUNNING: Badge("Under way", "hourglass_top", "info", is_settled=False),
    PruneRun.State.DONE: Badge("Done", "check_circle", "success"),
    PruneRun.State.STOPPED: Badge("Stopped", "stop_circle", "neutral"),
    PruneRun.State.FAILED: Badge(
        "Cut off", "error", "warning", "It ended early; the next clean-up makes a new list."
    ),
}


def badges_of(clips: Iterable[Clip]) -> dict[str, Badge]:
    """The badge of each clip by its content hash.

    Three queries, or none if every clip is there; two more if one of them waits to be made.
    """
    clips = list(clips)
    missing = {clip.pk: clip.content_hash for clip in clips if not clip.is_ready}
    gone = gone_models() if missing else frozenset[str]()
    retired = {model: replace(NOT_MADE, note=ModelRetired(model).for_staff()) for model in gone}
    badges = {
        clip.content_hash: MADE if clip.is_ready else retired.get(clip.model, NOT_MADE) for clip in clips
    }
    for content_hash, error in remembered_errors(missing.values()).items():
        # A listener's request met it, or an item that is gone; the cache does not try again by itself.
        badges[content_hash] = replace(FAILED, note=error.for_staff())
    held_up = HeldUp()
    for item in last_of_each_clip(WarmItem.objects.order_by().filter(clip__in=list(missing))):
        badge = _badge_of_missing(item, held_up)
        if badge.word != NOT_MADE.word:
            badges[missing[item.clip_id]] = badge
    return badges


def _badge_of_missing(item: WarmItem, held_up: HeldUp) -> Badge:
    """The badge of a clip outside its run.

    A queued clip counts as being made as long as nothing holds it up: staff need not do anything.

    Within its run it is "Waiting" (ITEM_BADGES), because there staff see which clips have their turn.
    """
    if item.state == WarmItem.State.FAILED:
        return replace(FAILED, note=item.reason or "The clip could not be made.")
    is_open = item.state in (WarmItem.State.QUEUED, WarmItem.State.MAKING)
    if not is_open or item.run.state not in WarmRun.ACTIVE:
        return NOT_MADE
    reason = held_up.reason_of(item)
    if not reason:
        return BEING_MADE
    is_paused = item.run.paused_because == WarmRun.Pause.STAFF
    return replace(PAUSED if is_paused else HELD_UP, held_up=reason)
