"""Save drafts, keep them in order, and make their clips before they are published."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, count
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.text import slugify

from narratives import publishing
from narratives.models import Journey, Narrative, Pronunciation, share_lexicon
from narratives.text.tidying import tidied
from ttscache import warming
from ttscache.conf import conf
from ttscache.models import ContentType
from ttscache.renditions.current import request_for
from ttscache.warming import ClipSpec, Plan, remaking


# --- saving --------------------------------------------------------------------------------------------
def save_draft(narrative: Narrative, changed_fields: Sequence[str]) -> None:
    """Save a draft without changing what listeners get. A new text gets a slug and a place."""
    is_new = narrative.pk is None
    if {"title", "text"} & set(changed_fields):
        narrative.edited_at = timezone.now()
    if not narrative.slug:
        taken = narrative.journey.narratives.exclude(pk=narrative.pk)
        # A slug has at most 50 characters: leave room for a number.
        narrative.slug = free_slug(slugify(narrative.title)[:40] or narrative.kind, taken)
    # An update leaves `live` and `pending` alone: somebody may have published since this was loaded.
    narrative.save(update_fields=None if is_new else Narrative.DRAFT_FIELDS)
    if is_new:
        _give_place(narrative)


def free_slug(stem: str, others: QuerySet[Any]) -> str:
    """Return the slug, with a number appended if one of the others already has it."""
    taken = set(others.values_list("slug", flat=True))
    numbered = (f"{stem}-{number}" for number in count(2))
    return next(slug for slug in chain([stem], numbered) if slug not in taken)


def _give_place(new: Narrative) -> None:
    """Put a new narrative where staff expect it: a question before the outro, all else at the end."""
    others = list(new.journey.narratives.exclude(pk=new.pk))
    ends = [end for end, other in enumerate(others) if other.kind in (new.Kind.OUTRO, new.Kind.SYSTEM)]
    others.insert(ends[0] if new.is_question and ends else len(others), new)
    put_in_order(others)


def put_in_order(narratives: Iterable[Narrative]) -> None:
    """Number them from 0, without gaps."""
    for position, narrative in enumerate(narratives):
        if narrative.position != position:
            narrative.position = position
            Narrative.objects.filter(pk=narrative.pk).update(position=position)


# --- making clips --------------------------------------------------------------------------------------
def draft_clips(narratives: Iterable[Narrative], voices: Sequence[str] | None = None) -> list[ClipSpec]:
    """The clips of the drafts, published or not, in these voices or in every listener voice."""
    return [
        draft_clip(narrative, voice)
        for narrative in share_lexicon(narratives)
        for voice in (conf().listener_voices if voices is None else voices)
    ]


def draft_clip(narrative: Narrative, voice: str) -> ClipSpec:
    return ClipSpec(narrative.draft_speech(voice), publishing.kind_of_clip(narrative))


def clips_of_words(texts: Iterable[str]) -> list[ClipSpec]:
    """The clips of unsaved texts, to price them. Their content type does not affect the price."""
    lexicon = Pronunciation.objects.lexicon()
    return [
        ClipSpec(request_for(lexicon.spoken(text, voice), voice), ContentType.NARRATIVE)
        for text in map(tidied, texts)
        if text
        for voice in conf().listener_voices
    ]


def journey_clips(journey: Journey, narratives: Iterable[Narrative]) -> list[ClipSpec]:
    """The clips of the published texts, then those of the drafts."""
    return [*publishing.journey_clips_in_all_voices(journey), *draft_clips(narratives)]


def make_drafts(narratives: Iterable[Narrative], *, requested_by: str = "") -> None:
    """Make the missing clips of the drafts."""
    warming.start_run(_scope("chosen texts"), draft_clips(narratives), requested_by=requested_by)


def make_clip(narrative: Narrative, voice: str, *, requested_by: str = "") -> None:
    warming.start_run(_scope("chosen texts"), [draft_clip(narrative, voice)], requested_by=requested_by)


def make_again(planned: Plan, *, requested_by: str = "") -> None:
    """Replace existing clips with new ones, as planned by `plan_remakes`."""
    remaking.start_remake(_scope("made again"), planned, requested_by=requested_by)


def _scope(what: str) -> str:
    """A unique scope, so that this is a new run: joining an active one would not retry its failed clips."""
    return f"{what}, {timezone.now():%d %b %Y %H:%M:%S}"


def make_journey(journey: Journey, narratives: Iterable[Narrative], *, requested_by: str = "") -> None:
    """Make the missing clips of a journey: published texts first, joining active runs, then the drafts."""
    for voice in conf().listener_voices:
        publishing.warm_journey(journey, voice, requested_by=requested_by)
    changed = [narrative for narrative in narratives if narrative.differs_from_live]
    if warming.plan(draft_clips(changed)).missing:
        make_drafts(changed, requested_by=requested_by)
