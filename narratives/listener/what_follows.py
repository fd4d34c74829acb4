"""Predict the clips that a listener hears next from the clip they ask for now.

ttscache/warming/prefetch.py has them made.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from narratives.models import Narrative, PublicationEntry
from narratives.publishing import kind_of_clip
from ttscache.conf import conf
from ttscache.warming import ClipSpec


def what_follows(content_hash: str) -> list[ClipSpec]:
    """The next questions in the same voice; at the first question also the outro. One query.

    Nothing for an outro, a system clip, or what is no part of a live journey.
    """
    versions: defaultdict[int, list[PublicationEntry]] = defaultdict(list)
    for entry in PublicationEntry.objects.live().in_live_journeys():
        versions[entry.publication_id].append(entry)
    return [
        ClipSpec(following.revision.speech(voice), kind_of_clip(following))
        for entries in versions.values()
        for entry, voice in _said_by(content_hash, entries)
        for following in _after(entry, entries)
    ]


def _said_by(
    content_hash: str, entries: Iterable[PublicationEntry]
) -> Iterable[tuple[PublicationEntry, str]]:
    for entry in entries:
        for voice in conf().listener_voices:
            if entry.revision.speech(voice).content_hash == content_hash:
                yield entry, voice


def _after(entry: PublicationEntry, entries: Sequence[PublicationEntry]) -> Sequence[PublicationEntry]:
    ahead = conf().predict_ahead
    questions = [each for each in entries if each.is_question]
    if entry.kind == Narrative.Kind.INTRO:
        return questions[:ahead]
    if entry not in questions:
        return []
    place = questions.index(entry)
    outro = [each for each in entries if each.kind == Narrative.Kind.OUTRO] if place == 0 else []
    return [*questions[place + 1 : place + 1 + ahead], *outro]
