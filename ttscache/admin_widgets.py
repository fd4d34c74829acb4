"""How a clip is shown on any staff page: its badge, its player, its shape; moments and prices in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import Max, QuerySet
from django.template.defaultfilters import filesizeformat, truncatechars
from django.template.loader import render_to_string
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

from ttscache.accounting.prices import list_price_usd
from ttscache.delivery import audio_path
from ttscache.models import Clip, ContentType, PruneRun, WarmItem, WarmRun
from ttscache.warming import Plan

MOST_LINES = 200  # of a list that staff are to read


@dataclass(frozen=True, slots=True)
class Badge:
    """An icon, a word and a colour; `note` says the rest in a sentence, `held_up` why it does not go on."""

    word: str
    icon: str  # of Material Symbols
    tone: str  # success, info, warning, danger or neutral
    note: str = ""
    is_settled: bool = True  # whether it stays as it is until somebody does something
    held_up: str = ""

    def __str__(self) -> str:
        return self.html

    @property
    def html(self) -> SafeString:
        return render_to_string("admin/clips/badge.html", {"badge": self})


MADE = Badge("Made", "check_circle", "success")
NOT_MADE = Badge("Not made", "circle", "neutral")
BEING_MADE = Badge("Being made", "hourglass_top", "info", is_settled=False)
WAITING = Badge("Waiting", "schedule", "neutral", is_settled=False)
FAILED = Badge("Failed", "error", "danger")
CANCELLED = Badge("Cancelled", "cancel", "neutral")

ITEM_BADGES = {
    WarmItem.State.QUEUED: WAITING,
    WarmItem.State.MAKING: BEING_MADE,
    WarmItem.State.DONE: MADE,
    WarmItem.State.SKIPPED: Badge("Was there", "check", "success"),
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
    PruneRun.State.RUNNING: Badge("Under way", "hourglass_top", "info", is_settled=False),
    PruneRun.State.DONE: Badge("Done", "check_circle", "success"),
    PruneRun.State.STOPPED: Badge("Stopped", "stop_circle", "neutral"),
    PruneRun.State.FAILED: Badge("Cut off", "error", "warning", "The next one goes on where it ended."),
}

OUTCOMES = {
    "memory": "At once, from memory",
    "file": "At once, from this server's disk",
    "database": "At once, from the database",
    "storage": "At once, from storage",
    "edge": "At once, from the network's edge",
    "collapsed": "Joined one being made",
    "generated": "Made while the listener waited",
    "failed": "Failed",
}


def badges_of(clips: Iterable[Clip]) -> dict[str, Badge]:
    """How each clip stands, by its hash: one query, for those that are not there."""
    clips = list(clips)
    missing = {clip.pk: clip.content_hash for clip in clips if not clip.is_ready}
    badges = {clip.content_hash: MADE if clip.is_ready else NOT_MADE for clip in clips}
    for item in _latest_items(missing):
        badges[missing[item.clip_id]] = _badge_of_missing(item)
    return badges


def _latest_items(clip_ids: Iterable[Any]) -> QuerySet[WarmItem]:
    latest = (
        WarmItem.objects.order_by().filter(clip__in=list(clip_ids)).values("clip").annotate(last=Max("pk"))
    )
    return WarmItem.objects.order_by().filter(pk__in=latest.values("last")).select_related("run")


def _badge_of_missing(item: WarmItem) -> Badge:
    if item.state == WarmItem.State.FAILED:
        return replace(FAILED, note=item.reason or "The clip could not be made.")
    is_open = item.state in (WarmItem.State.QUEUED, WarmItem.State.MAKING)
    if not is_open or item.run.state not in WarmRun.ACTIVE:
        return NOT_MADE
    return replace(BEING_MADE, held_up=item.run.get_paused_because_display())


def length(milliseconds: int | None) -> str:
    """As a clock shows it: 0:07."""
    seconds = round((milliseconds or 0) / 1000)
    return f"{seconds // 60}:{seconds % 60:02}" if milliseconds else ""


def player(clip: Clip | None, *, voice: str, says: str, template: str = "player") -> SafeString:
    """A play button; where there is nothing to hear, the voice's name alone."""
    context: dict[str, Any] = {"voice": voice, "says": says}
    if clip is not None and clip.is_ready:
        context["url"] = audio_path(clip.content_hash, clip.audio_format, clip.checksum)
        context["length"] = length(clip.duration_ms)
    return render_to_string(f"admin/clips/{template}.html", context)


def waveform(clip: Clip) -> SafeString:
    """The clip's loudness along its time, drawn as one path; full scale is 255."""
    peaks = bytes(clip.waveform or b"")
    heights = ((x, max(peak / 255 * 30, 0.5)) for x, peak in enumerate(peaks))
    path = " ".join(f"M{x + 0.5:g} {32 - height:.1f}V{32 + height:.1f}" for x, height in heights)
    return render_to_string("admin/clips/waveform.html", {"path": path, "width": len(peaks)})


def progress_bar(ready: int, total: int, label: str = "Clips that are there") -> SafeString:
    """How many of some clips there are, as a bar and in numbers."""
    context = {"ready": ready, "total": total, "label": label}
    return render_to_string("admin/clips/progress.html", context)


def fresh(name: str, content: str) -> SafeString:
    """A part of the page that is brought up to date while something on it is under way."""
    return format_html('<span id="{}" data-fresh>{}</span>', name, content)


def moment(when: datetime | None) -> str:
    return date_format(localtime(when), "j M Y, H:i") if when else ""


def price(usd: float) -> str:
    """For people: rounded up to a tenth of a cent, and never a price of nothing."""
    if usd <= 0:
        return "free of charge"
    return f"about ${usd:,.2f}" if usd >= 1 else f"about ${max(usd, 0.001):.3f}"


@dataclass(frozen=True, slots=True)
class Line:
    """A clip that would be made."""

    voice: str
    kind: str
    says: str
    characters: int
    price: str


@dataclass(frozen=True, slots=True)
class Listing:
    """What a plan would make, clip by clip; `more` are not named."""

    lines: tuple[Line, ...]
    more: int


def listed(planned: Plan) -> Listing:
    missing = planned.missing
    lines = tuple(_line(clip) for clip in missing[:MOST_LINES])
    return Listing(lines, len(missing) - len(lines))


def words_of(clip: Clip, most_characters: int) -> str:
    """The beginning of its text; none where it was made of what one person said."""
    is_private = clip.content_type == ContentType.ANALYSIS and not clip.is_shareable
    return "(private)" if is_private else truncatechars(clip.content_text, most_characters)


def _line(clip: Clip) -> Line:
    characters = len(clip.content_text)
    return Line(
        voice=clip.voice,
        kind=clip.get_content_type_display(),
        says=words_of(clip, 60),
        characters=characters,
        price=price(list_price_usd(clip.model, characters)),
    )


def in_words(planned: Plan, state: str = "missing") -> str:
    """How many clips, in characters and money."""
    number = len(planned.missing)
    if not number:
        return f"No clip is {state}."
    clips = f"1 clip is {state}" if number == 1 else f"{number:,} clips are {state}"
    return f"{clips}: {planned.characters:,} characters, {price(planned.cost_usd)}."


def being_made_in_words(planned: Plan) -> str:
    return in_words(planned, "being made again" if planned.is_again else "being made")


def removed_in_words(run: PruneRun) -> str:
    """How many clips, in bytes and in money."""
    clips = "1 clip is removed" if run.removed == 1 else f"{run.removed:,} clips are removed"
    cost = price(run.remake_cost_microusd / 1e6)
    return f"{clips}: {filesizeformat(run.freed_bytes)}, to make again {cost}."


def dollars(microusd: int) -> str:
    """To the hundredth of a cent; empty where there is none."""
    return f"${microusd / 1e6:,.4f}" if microusd else ""
