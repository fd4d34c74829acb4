"""How the draft of a journey differs from the version that listeners get next."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from narratives.models import (
    Journey,
    Narrative,
    Publication,
    PublicationEntry,
    share_lexicon,
    text_role,
)


@dataclass(frozen=True, slots=True)
class DraftChanges:
    """The changes that publishing the whole draft would make. Each text can be in several of these.

    `recast` are texts with another kind or theme, or system clips with another name. `entries` is the version
    that listeners get next: the one that waits, else the live one.
    """

    draft: Sequence[Narrative]
    entries: Sequence[PublicationEntry]
    added: Sequence[Narrative] = ()
    removed: Sequence[PublicationEntry] = ()
    moved: Sequence[Narrative] = ()
    recast: Sequence[Narrative] = ()
    reworded: Sequence[Narrative] = ()

    @property
    def texts(self) -> list[Narrative]:
        """The texts of the draft that differ in anything, in order."""
        differing = {
            each.pk for group in (self.added, self.moved, self.recast, self.reworded) for each in group
        }
        return [each for each in self.draft if each.pk in differing]

    @property
    def is_empty(self) -> bool:
        return not (self.removed or self.texts)

    @property
    def in_words(self) -> str:
        """For example "2 texts change, 1 is added, 1 is removed, 1 moves"; empty if nothing does."""
        changed = len({each.pk for each in (*self.reworded, *self.recast)})
        parts = [
            (changed, "text changes", "texts change"),
            (len(self.added), "text is added", "texts are added"),
            (len(self.removed), "text is removed", "texts are removed"),
            (len(self.moved), "text moves", "texts move"),
        ]
        return ", ".join(f"{count} {one if count == 1 else many}" for count, one, many in parts if count)

    def place_says(self, narrative: Narrative) -> str:
        """Say what changes beside its words: "moved", "now an intro", or both; empty if nothing does."""
        said = ["moved"] if narrative in self.moved else []
        if narrative in self.recast:
            before = next(each for each in self.entries if each.narrative_id == narrative.pk)
            kind = narrative.get_kind_display().lower()
            said.append(f"was {_article(before.get_kind_display())}, now {_article(kind)}")
            if before.kind == narrative.kind:
                said[-1] = f"other {'theme' if before.theme != narrative.theme else 'name'}"
        return ", ".join(said)


def _article(kind: str) -> str:
    kind = kind.lower()
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def compare_draft(draft: Sequence[Narrative], entries: Sequence[PublicationEntry]) -> DraftChanges:
    """Compare the present texts of a journey, in order, with the entries of a version. No query.

    The texts must share a lexicon.
    """
    texts = {each.pk: each for each in draft}
    before = {each.narrative_id: each for each in entries}
    common = [pk for pk in before if pk in texts]
    place = {pk: number for number, pk in enumerate(texts)}
    stays = _longest_rise([place[pk] for pk in common])
    return DraftChanges(
        draft,
        entries,
        added=[each for each in draft if each.pk not in before],
        removed=[each for each in entries if each.narrative_id not in texts],
        moved=[each for each in draft if each.pk in before and place[each.pk] not in stays],
        recast=[each for each in draft if each.pk in before and text_role(each) != before[each.pk].role],
        reworded=[
            each for each in draft if each.pk in before and each.differs_from(before[each.pk].revision)
        ],
    )


@dataclass(frozen=True, slots=True)
class EntryChanges:
    """How one version differs from the one before it.

    `reworded` and `recast` have each text as it is now and as it was; a new text has no earlier entry.
    """

    reworded: Sequence[tuple[PublicationEntry, PublicationEntry | None]]
    removed: Sequence[PublicationEntry]
    moved: Sequence[PublicationEntry]
    recast: Sequence[tuple[PublicationEntry, PublicationEntry]]


def compare_entries(earlier: Sequence[PublicationEntry], now: Sequence[PublicationEntry]) -> EntryChanges:
    """Compare two versions. No query."""
    before = {each.narrative_id: each for each in earlier}
    place = {each.narrative_id: number for number, each in enumerate(now)}
    stays = _longest_rise([place[pk] for pk in before if pk in place])
    kept = [(each, before[each.narrative_id]) for each in now if each.narrative_id in before]
    return EntryChanges(
        reworded=[
            (each, before.get(each.narrative_id))
            for each in now
            if each.narrative_id not in before
            or each.revision.said != before[each.narrative_id].revision.said
        ],
        removed=[each for each in earlier if each.narrative_id not in place],
        moved=[each for each, _ in kept if place[each.narrative_id] not in stays],
        recast=[(each, was) for each, was in kept if each.role != was.role],
    )


def _longest_rise(numbers: Sequence[int]) -> set[int]:
    """The longest rising part of a sequence: texts in it keep their order, so the fewest have moved."""
    ends: list[int] = []  # the smallest end of a rise of each length
    before: dict[int, int | None] = {}
    for number in numbers:
        length = bisect_left(ends, number)
        before[number] = ends[length - 1] if length else None
        ends[length : length + 1] = [number]
    rise, last = set[int](), ends[-1] if ends else None
    while last is not None:
        rise.add(last)
        last = before[last]
    return rise


# --- from the database -----------------------------------------------------------------------------------
def draft_changes(journey: Journey) -> DraftChanges:
    """The changes of one journey. Three queries."""
    return draft_changes_of([journey.pk])[journey.pk]


def draft_changes_of(journeys: Iterable[int]) -> dict[int, DraftChanges]:
    """The changes of each journey, by its key. Three queries for any number."""
    wanted = list(journeys)
    texts: defaultdict[int, list[Narrative]] = defaultdict(list)
    present = Narrative.objects.filter(journey__in=wanted).select_related("live", "pending", "journey")
    for narrative in share_lexicon(present):
        texts[narrative.journey_id].append(narrative)
    entries = next_entries_of(wanted)
    return {pk: compare_draft(texts[pk], entries.get(pk, [])) for pk in wanted}


def next_entries_of(journeys: Iterable[int]) -> dict[int, list[PublicationEntry]]:
    """The version of each journey that listeners get next: the waiting one, else the live one. One query."""
    found: defaultdict[int, list[PublicationEntry]] = defaultdict(list)
    for entry in PublicationEntry.objects.live_or_waiting().filter(publication__journey__in=list(journeys)):
        found[entry.publication.journey_id].append(entry)
    return {pk: list(_of_the_next(entries)) for pk, entries in found.items()}


def _of_the_next(entries: Sequence[PublicationEntry]) -> Iterator[PublicationEntry]:
    waiting = {each.publication_id for each in entries if each.publication.state == Publication.State.WAITING}
    return (each for each in entries if not waiting or each.publication_id in waiting)
