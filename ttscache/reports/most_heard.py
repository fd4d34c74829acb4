"""The shareable reflections that are heard most: how often, and in which voices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from django.db.models import Exists, OuterRef, Sum

from ttscache.accounting.prices import list_price_usd
from ttscache.conf import conf
from ttscache.models import Clip, ClipQuerySet, ContentType, DailyRequests, Pin
from ttscache.renditions.current import live_rendition, request_for
from ttscache.reports.cached import remembered
from ttscache.reports.scope import Scope

FEWEST_PLAYS = 3
SHOWN = 10
LOOKED_AT = 100  # clips, ten times SHOWN: the plays of a text are the sum over its voices


@dataclass(frozen=True, slots=True)
class InVoice:
    """The reflection in one listener voice. `clip` is None if it is not on record; `price_usd` makes it."""

    voice: str
    clip: Clip | None
    price_usd: float

    @property
    def is_made(self) -> bool:
        return self.clip is not None and self.clip.is_ready


@dataclass(frozen=True, slots=True)
class Heard:
    """A reflection and its plays. `clip` is the one in the voice that is heard most."""

    clip: Clip
    plays: int
    voices: list[InVoice]
    is_of_the_bank: bool
    is_hidden: bool
    saved_usd: float
    clips: list[UUID]  # those with these words

    @property
    def characters(self) -> int:
        return len(self.clip.content_text)

    @property
    def missing(self) -> list[InVoice]:
        return [each for each in self.voices if not each.is_made]


@dataclass(frozen=True, slots=True)
class MostHeard:
    rows: list[Heard]
    as_of: datetime  # the moment of the counting
    others: int  # reflections on record that are rare or private
    hidden: int


def most_heard(scope: Scope, reflections_on_record: int, *, hidden: bool = False) -> MostHeard:
    """Shareable reflections with three plays or more on the days of the range, most plays first.

    A play is one request for the clip, even if it failed, counted by day (UTC). Saved = (plays - 1) x list
    price of its characters, because the first play pays. `hidden` returns those that staff have hidden.
    """
    since, voice = scope.since.date(), scope.voice
    name = f"most-heard:{scope.range.name}:{voice}"
    counted = remembered(name, lambda: _plays_in_every_voice(since, voice), read=dict[str, int])
    plays = counted.found
    texts: defaultdict[str, list[_Row]] = defaultdict(list)
    for row in map(
        _Row._make, _clips_of(plays).values_list("content_text", "content_hash", "pk", "is_hidden")
    ):
        texts[row.text].append(row)
    total = {text: sum(plays[row.content_hash] for row in rows) for text, rows in texts.items()}
    frequent = [
        text
        for text, rows in texts.items()
        if total[text] >= FEWEST_PLAYS and any(row.is_hidden for row in rows) == hidden
    ]
    shown = sorted(frequent, key=lambda text: (-total[text], text))[:SHOWN]
    rows = _heard({text: texts[text] for text in shown}, plays)
    # Two figures of different age, so the difference may be off for a minute.
    others = reflections_on_record - sum(len(row.clips) for row in rows)
    hidden_texts = Clip.objects.filter(is_hidden=True).values("content_text").distinct().count()
    return MostHeard(rows, counted.as_of, max(0, others), hidden_texts)


class _Row(NamedTuple):
    """The part of a clip that decides whether its text is among the most heard."""

    text: str
    content_hash: str
    pk: UUID
    is_hidden: bool


def _heard(texts: Mapping[str, list[_Row]], plays: Mapping[str, int]) -> list[Heard]:
    """The dashboard's rows for these texts, with the clip of each listener voice. Two queries."""
    wanted = {
        text: {voice: request_for(text, voice).content_hash for voice in conf().listener_voices}
        for text in texts
    }
    hashes = {row.content_hash for rows in texts.values() for row in rows}
    hashes |= {key for by_voice in wanted.values() for key in by_voice.values()}
    clips = _clips_of(hashes).defer("waveform").in_bulk(field_name="content_hash")
    held = Pin.objects.in_force().filter(reason=Pin.Reason.BANK, content_hash__in=list(clips))
    bank = set(held.values_list("content_hash", flat=True))
    found = []
    for text, rows in texts.items():
        own = [clips[row.content_hash] for row in rows if row.content_hash in clips]
        if not own:
            continue  # deleted since they were counted
        most = max(own, key=lambda clip: plays[clip.content_hash])
        total = sum(plays[clip.content_hash] for clip in own)
        found.append(
            Heard(
                clip=most,
                plays=total,
                voices=[
                    InVoice(voice, clips.get(key), list_price_usd(live_rendition(voice).model, len(text)))
                    for voice, key in wanted[text].items()
                ],
                is_of_the_bank=any(clip.content_hash in bank for clip in own),
                is_hidden=any(clip.is_hidden for clip in own),
                saved_usd=max(0, total - 1) * list_price_usd(most.model, len(text)),
                clips=[clip.pk for clip in own],
            )
        )
    return found


def _plays_in_every_voice(since: date, voice: str) -> dict[str, int]:
    """Content hash -> plays, of the clips with most plays and of the same words in other voices.

    Those may have fewer plays than the top clips, and still count.
    """
    plays = _top_plays(since, voice)
    texts = set(_clips_of(plays).values_list("content_text", flat=True))
    siblings = {request_for(text, each).content_hash for text in texts for each in conf().listener_voices}
    siblings -= plays.keys()
    return plays | dict.fromkeys(siblings, 0) | _plays_of(siblings, since, voice)


def _top_plays(since: date, voice: str) -> dict[str, int]:
    """Content hash -> plays, of the clips with most plays."""
    fit = shareable_reflections().in_voice(voice).filter(content_hash=OuterRef("content_hash"))
    rows = (
        DailyRequests.objects.filter(Exists(fit), day__gte=since)
        .order_by()
        .values_list("content_hash")
        .annotate(plays=Sum("requests"))
        .order_by("-plays", "content_hash")
    )
    return dict(rows[:LOOKED_AT])


def _plays_of(content_hashes: Iterable[str], since: date, voice: str) -> dict[str, int]:
    heard = Clip.objects.in_voice(voice).filter(content_hash__in=content_hashes)
    rows = DailyRequests.objects.filter(content_hash__in=heard.values("content_hash"), day__gte=since)
    return dict(rows.order_by().values_list("content_hash").annotate(plays=Sum("requests")))


def _clips_of(content_hashes: Iterable[str]) -> ClipQuerySet:
    return shareable_reflections().filter(content_hash__in=list(content_hashes))


def shareable_reflections() -> ClipQuerySet:
    """The reflections that staff may see: those declared fit for others."""
    return Clip.objects.filter(is_shareable=True, content_type=ContentType.ANALYSIS)
