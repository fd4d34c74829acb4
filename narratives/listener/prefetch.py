"""Predict the clips that a listener hears next from the clip they ask for now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from narratives.models import Narrative
from narratives.publishing import kind_of_clip
from ttscache.conf import conf
from ttscache.warming import ClipSpec


def what_follows(content_hash: str) -> list[ClipSpec]:
    """The next questions in the same voice; at the first question also the outro. One query.

    Nothing for an outro, a system clip, or what is no part of a live journey.
    """
    journeys: defaultdict[int, list[Narrative]] = defaultdict(list)
    for narrative in Narrative.objects.published().filter(journey__is_live=True):
        journeys[narrative.journey_id].append(narrative)
    return [
        ClipSpec(following.live.speech(voice), kind_of_clip(following))
        for narratives in journeys.values()
        for narrative, voice in _said_by(content_hash, narratives)
        for following in _after(narrative, narratives)
        if following.live is not None
    ]


def _said_by(content_hash: str, narratives: Iterable[Narrative]) -> Iterable[tuple[Narrative, str]]:
    for narrative in narratives:
        for voice in conf().listener_voices:
            if narrative.live is not None and narrative.live.speech(voice).content_hash == content_hash:
                yield narrative, voice


def _after(narrative: Narrative, narratives: Sequence[Narrative]) -> Sequence[Narrative]:
    ahead = conf().predict_ahead
    questions = [each for each in narratives if each.is_question]
    if narrative.kind == Narrative.Kind.INTRO:
        return questions[:ahead]
    if narrative not in questions:
        return []
    place = questions.index(narrative)
    outro = [each for each in narratives if each.kind == Narrative.Kind.OUTRO] if place == 0 else []
    return [*questions[place + 1 : place + 1 + ahead], *outro]
