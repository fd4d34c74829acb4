"""Moments, prices and plans in the words of the staff pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.template.defaultfilters import filesizeformat, truncatechars
from django.utils.formats import date_format
from django.utils.timezone import localtime

from ttscache.accounting.prices import list_price_usd
from ttscache.models import Clip, PruneRun
from ttscache.warming import Plan

MOST_LINES = 200  # clips that a confirmation page lists

OUTCOMES = {
    "memory": "At once, from memory",
    "file": "At once, from this server's disk",
    "database": "At once, from the database",
    "storage": "At once, from storage",
    "edge": "At once, by nginx or the CDN",
    "collapsed": "Waited for audio already being made",
    "generated": "Made while the listener waited",
    "failed": "Failed",
    "fallback": "Spoken by the embedded voice instead",
}


def moment(when: datetime | None) -> str:
    return date_format(localtime(when), "j M Y, H:i") if when else ""


def price(usd: float) -> str:
    """US dollars in words, to the cent from $1 on and to a tenth of a cent below, which is the least."""
    if usd <= 0:
        return "free of charge"
    return f"about ${usd:,.2f}" if usd >= 1 else f"about ${max(usd, 0.001):.3f}"


@dataclass(frozen=True, slots=True)
class Line:
    voice: str
    kind: str
    says: str
    characters: int
    price: str


@dataclass(frozen=True, slots=True)
class Listing:
    """The clips that a plan would make, a line each; `more` counts those beyond MOST_LINES."""

    lines: tuple[Line, ...]
    more: int


def listed(planned: Plan) -> Listing:
    missing = planned.missing
    lines = tuple(
        Line(
            voice=clip.voice,
            kind=clip.get_content_type_display(),
            says=words_of(clip, 60),
            characters=len(clip.content_text),
            price=price(list_price_usd(clip.model, len(clip.content_text))),
        )
        for clip in missing[:MOST_LINES]
    )
    return Listing(lines, len(missing) - len(lines))


def words_of(clip: Clip, most_characters: int) -> str:
    """The beginning of the clip's text; "(private)" for a clip that may quote a listener."""
    return "(private)" if clip.is_private else truncatechars(clip.content_text, most_characters)


def in_words(planned: Plan, state: str = "missing") -> str:
    """One sentence about the missing clips of a plan: number, characters, price."""
    number = len(planned.missing)
    if not number:
        return f"No clip is {state}."
    clips = f"1 clip is {state}" if number == 1 else f"{number:,} clips are {state}"
    return f"{clips}: {planned.characters:,} characters, {price(planned.cost_usd)}."


def being_made_in_words(planned: Plan) -> str:
    return in_words(planned, "being made again" if planned.remake else "being made")


def removed_in_words(run: PruneRun) -> str:
    """One sentence about the clips that a prune removed: number, bytes, price to make them again."""
    clips = "1 clip is removed" if run.removed == 1 else f"{run.removed:,} clips are removed"
    cost = price(run.remake_cost_microusd / 1e6)
    return f"{clips}: {filesizeformat(run.freed_bytes)}, {cost} to make again."


def dollars(microusd: int) -> str:
    """US dollars to a hundredth of a cent; empty for zero."""
    return f"${microusd / 1e6:,.4f}" if microusd else ""
