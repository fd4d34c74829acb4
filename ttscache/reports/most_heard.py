"""The shareable reflections that are heard most: how often, and in which voices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
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
    counted = remembered(
        f"heard:{scope.range.name}:{voice}", lambda: _top_plays(since, voice), read=dict[str, int]
    )
    plays = counted.found
    clips = _clips_of(plays)
    texts = dict.fromkeys(clip.content_text for clip in clips.values())
    voices, request = conf().listener_voices, request_for
    wanted = {text: {each: request(text, each).content_hash for each in voices} for text in texts}
    # The same words in another voice may have fewer plays than the top clips, and still count.
    siblings = {key for by_voice in wanted.values() for key in by_voice.values()} - clips.keys()
    plays = plays | _plays_of(siblings, since, voice)
    clips |= _clips_of(siblings)
    held = Pin.objects.in_force().filter(reason=Pin.Reason.BANK, content_hash__in=list(clips))
    bank = set(held.values_list("content_hash", flat=True))
    rows = [
        _heard(
            text, [clip for clip in clips.values() if clip.content_text == text], plays, wanted[text], bank
        )
        for text in texts
    ]
    frequent = [row for row in rows if row.plays >= FEWEST_PLAYS and row.is_hidden == hidden]
    shown = sorted(frequent, key=lambda row: (-row.plays, row.clip.content_text))[:SHOWN]
    # Two figures of different age, so the difference may be off for a minute.
    others = reflections_on_record - sum(len(row.clips) for row in shown)
    hidden_texts = Clip.objects.filter(is_hidden=True).values("content_text").distinct().count()
    return MostHeard(shown, counted.as_of, max(0, others), hidden_texts)


def _heard(
    text: str, clips: list[Clip], plays: Mapping[str, int], wanted: Mapping[str, str], bank: set[str]
) -> Heard:
    by_hash = {clip.content_hash: clip for clip in clips}
    most = max(clips, key=lambda clip: plays.get(clip.content_hash, 0))
    total = sum(plays.get(clip.content_hash, 0) for clip in clips)
    prices = {voice: list_price_usd(live_rendition(voice).model, len(text)) for voice in wanted}
    return Heard(
        clip=most,
        plays=total,
        voices=[InVoice(voice, by_hash.get(key), prices[voice]) for voice, key in wanted.items()],
        is_of_the_bank=any(clip.content_hash in bank for clip in clips),
        is_hidden=any(clip.is_hidden for clip in clips),
        saved_usd=max(0, total - 1) * list_price_usd(most.model, len(text)),
        clips=[clip.pk for clip in clips],
    )


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


def _clips_of(content_hashes: Iterable[str]) -> dict[str, Clip]:
    found = shareable_reflections().filter(content_hash__in=list(content_hashes)).defer("waveform")
    return {clip.content_hash: clip for clip in found}


def shareable_reflections() -> ClipQuerySet:
    """The reflections that staff may see: those declared fit for others."""
    return Clip.objects.filter(is_shareable=True, content_type=ContentType.ANALYSIS)
