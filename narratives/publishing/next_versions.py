"""Put together the next version of a journey: of the whole draft, of chosen texts, or of a new lexicon."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from narratives.models import (
    Journey,
    Narrative,
    Pronunciation,
    PublicationEntry,
    Revision,
    text_role,
)
from narratives.publishing.clips import journey_entries, kind_of_clip
from narratives.publishing.draft_changes import DraftChanges, draft_changes, draft_changes_of, next_entries_of
from narratives.text.lexicon import Lexicon
from ttscache.conf import conf
from ttscache.warming import ClipSpec


@dataclass(frozen=True, slots=True)
class VersionLine:
    """A text of a version that is not published yet. `said` are the fields of its revision.

    A line is `taken_along` if its draft is not published now: it stays as in the version before.
    """

    narrative: Narrative
    kind: str
    slug: str
    theme: str
    said: dict[str, Any]
    taken_along: bool = False

    @classmethod
    def of_draft(cls, narrative: Narrative) -> VersionLine:
        place = (narrative, narrative.kind, narrative.slug, narrative.theme)
        return cls(*place, _said(narrative.title, narrative.text, narrative.lexicon))

    @classmethod
    def of_entry(cls, entry: PublicationEntry) -> VersionLine:
        place = (entry.narrative, entry.kind, entry.slug, entry.theme)
        return cls(*place, entry.revision.said, taken_along=True)

    @property
    def is_question(self) -> bool:
        return self.kind == Narrative.Kind.QUESTION

    @property
    def is_as_in(self) -> tuple[int, tuple[str, str, str], dict[str, Any]]:
        return self.narrative.pk, text_role(self), self.said


@dataclass(frozen=True, slots=True)
class NextVersion:
    """The texts that the next publication of a journey would have, and what it changes in the draft's name.

    `live` is what listeners get now, `agreed` the texts of a waiting version whose clips are being made:
    somebody has agreed to their price.
    """

    journey: Journey
    lines: Sequence[VersionLine]
    changes: DraftChanges
    live: Sequence[PublicationEntry] = ()
    agreed: frozenset[int] = field(default=frozenset())

    @property
    def is_live_already(self) -> bool:
        """Whether listeners have exactly this."""
        live = [(each.narrative_id, each.role, each.revision.said) for each in self.live]
        return live == [line.is_as_in for line in self.lines]

    @property
    def live_revisions(self) -> dict[int, Revision]:
        return {each.narrative_id: each.revision for each in self.live}

    def new_clips(self, voices: Iterable[str]) -> list[ClipSpec]:
        """The clips of the words that listeners do not have yet, without those already agreed to."""
        live = {pk: revision.said for pk, revision in self.live_revisions.items()}
        new = [
            line
            for line in self.lines
            if live.get(line.narrative.pk) != line.said
            and not (line.taken_along and line.narrative.pk in self.agreed)
        ]
        return [
            ClipSpec(Revision(narrative=line.narrative, **line.said).speech(voice), kind_of_clip(line))
            for voice in voices
            for line in new
        ]


def _said(title: str, text: str, lexicon: Lexicon) -> dict[str, Any]:
    spoken, by_voice = lexicon.spoken_forms(text, conf().listener_voices)
    return {"title": title, "text": text, "spoken_text": spoken, "spoken_by_voice": by_voice}


# --- of the draft ------------------------------------------------------------------------------------------
def version_of_draft(journey: Journey) -> NextVersion:
    """The whole draft: its texts, their words, order and kinds. Deleted texts are not in it."""
    changes = draft_changes(journey)
    before = {each.narrative_id: each for each in changes.entries}
    reworded = {each.pk for each in changes.reworded}
    lines = [
        VersionLine.of_draft(narrative)
        if narrative.pk in reworded or narrative.pk not in before
        else _recast(before[narrative.pk], narrative)
        for narrative in changes.draft
    ]
    return NextVersion(journey, lines, changes, journey_entries(journey))


def _recast(entry: PublicationEntry, narrative: Narrative) -> VersionLine:
    """The words of the entry, with the rest as in the draft."""
    line = VersionLine.of_entry(entry)
    return replace(line, kind=narrative.kind, slug=narrative.slug, theme=narrative.theme)


def versions_of_chosen(narratives: Iterable[Narrative]) -> list[NextVersion]:
    """Per journey, the version before with these texts as in the draft; texts without changes alter nothing.

    A text that is new or has moved gets its place in the draft. Deletions are left out: they go live with
    the whole draft.
    """
    chosen = {narrative.pk: narrative.journey for narrative in narratives}
    journeys = {journey.pk: journey for journey in chosen.values()}
    found = draft_changes_of(sorted(journeys))
    return [
        NextVersion(
            journeys[pk],
            _chosen_lines(changes, chosen.keys()),
            _restricted(changes, chosen.keys()),
            journey_entries(journeys[pk]),
        )
        for pk, changes in found.items()
    ]


def _restricted(changes: DraftChanges, chosen: Iterable[int]) -> DraftChanges:
    keys = set(chosen)

    def those(narratives: Iterable[Narrative]) -> list[Narrative]:
        return [each for each in narratives if each.pk in keys]

    return replace(
        changes,
        removed=(),
        added=those(changes.added),
        moved=those(changes.moved),
        recast=those(changes.recast),
        reworded=those(changes.reworded),
    )


def _chosen_lines(changes: DraftChanges, chosen: Iterable[int]) -> list[VersionLine]:
    keys = set(chosen)
    texts = {each.pk: each for each in changes.draft if each.pk in keys}
    reworded = {each.pk for each in changes.reworded}
    placed = {each.pk for each in (*changes.added, *changes.moved)} & keys
    before = {each.narrative_id: each for each in changes.entries}
    lines = {pk: VersionLine.of_entry(entry) for pk, entry in before.items()}
    for pk, text in texts.items():
        is_as_before = pk in before and pk not in reworded
        lines[pk] = _recast(before[pk], text) if is_as_before else VersionLine.of_draft(text)
    order = [pk for pk in before if pk not in placed]
    place = 0
    for each in changes.draft:
        if each.pk in placed:
            order.insert(place, each.pk)
        if each.pk in order:
            place = order.index(each.pk) + 1
    return [lines[pk] for pk in order]


# --- of the lexicon ----------------------------------------------------------------------------------------
def said_otherwise(lexicon: Lexicon) -> list[PublicationEntry]:
    """Live or upcoming texts of live journeys that this lexicon pronounces differently."""
    return [entry for entries in _next_of_live_journeys().values() for entry in _otherwise(entries, lexicon)]


def _next_of_live_journeys() -> dict[int, list[PublicationEntry]]:
    return next_entries_of(Journey.objects.live().values_list("pk", flat=True))


def _otherwise(entries: Iterable[PublicationEntry], lexicon: Lexicon) -> list[PublicationEntry]:
    return [entry for entry in entries if not entry.revision.sounds_as(lexicon)]


def versions_of_sounds() -> list[NextVersion]:
    """Per live journey whose texts now sound otherwise, the version before in the new pronunciation."""
    lexicon = Pronunciation.objects.lexicon()
    before = _next_of_live_journeys()
    otherwise = {
        pk: {entry.narrative_id for entry in found}
        for pk, entries in before.items()
        if (found := _otherwise(entries, lexicon))
    }
    return [
        NextVersion(
            journey,
            [_spoken(entry, lexicon, otherwise[journey.pk]) for entry in before[journey.pk]],
            DraftChanges((), before[journey.pk]),
            journey_entries(journey),
        )
        for journey in Journey.objects.filter(pk__in=otherwise).order_by("pk")
    ]


def _spoken(entry: PublicationEntry, lexicon: Lexicon, otherwise: Container[int]) -> VersionLine:
    line = VersionLine.of_entry(entry)
    if entry.narrative_id not in otherwise:
        return line
    said = _said(entry.revision.title, entry.revision.text, lexicon)
    return replace(line, said=said, taken_along=False)
