"""The versions of a journey: what each one changed, which clips are kept, and going back to one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from django.db import transaction

from narratives import publishing
from narratives.editing.deleting import delete_narratives, restore_narratives
from narratives.editing.drafts import draft_clips, put_in_order, save_draft
from narratives.models import Journey, Narrative, Publication, PublicationEntry, Revision, share_lexicon
from narratives.publishing import compare_entries
from narratives.text.word_diff import Piece, changes
from ttscache.conf import conf
from ttscache.models import Clip
from ttscache.warming import ClipSpec

VoiceClip: TypeAlias = tuple[str, Clip | None]


@dataclass(frozen=True, slots=True)
class Change:
    """The change of one text in one version: the words before and after, and the clips of both.

    `clips` has a pair per listener voice; its clip is None if the audio is not kept.
    """

    narrative: Narrative
    revision: Revision
    before: Revision | None
    clips: Sequence[VoiceClip]
    clips_before: Sequence[VoiceClip]

    @property
    def words(self) -> list[Piece]:
        return changes(self.before.text if self.before else "", self.revision.text)

    @property
    def title(self) -> list[Piece]:
        return changes(self.before.title if self.before else "", self.revision.title)

    @property
    def differs_from_draft(self) -> bool:
        """Whether going back to this text would change the draft."""
        draft = (self.narrative.title, self.narrative.text)
        return self.narrative.is_deleted or draft != (self.revision.title, self.revision.text)

    @property
    def is_only_sound(self) -> bool:
        """Whether title and text stayed the same, so that only the pronunciation changed."""
        same = self.before is not None and (self.before.title, self.before.text)
        return same == (self.revision.title, self.revision.text)


@dataclass(frozen=True, slots=True)
class VersionChanges:
    """The changes of one version: words (new texts too), and beside them places, kinds and removed texts.

    `recast` has each text with another kind, as it was and as it is.
    """

    reworded: Sequence[Change] = ()
    removed: Sequence[PublicationEntry] = ()
    moved: Sequence[PublicationEntry] = ()
    recast: Sequence[tuple[PublicationEntry, PublicationEntry]] = ()

    @property
    def is_empty(self) -> bool:
        return not (self.reworded or self.removed or self.moved or self.recast)


def changes_of(publications: Iterable[Publication]) -> dict[int, VersionChanges]:
    """The changes of each publication of one journey, by its key. Three queries for any number."""
    wanted = list(publications)
    if not wanted:
        return {}
    published = Publication.objects.heard().filter(journey=wanted[0].journey_id).order_by("number")
    numbers = dict(published.values_list("number", "pk"))
    # Listeners never had a waiting or cancelled version, so it is not the one before a later version.
    before = {
        each.pk: max(((number, pk) for number, pk in numbers.items() if number < each.number), default=None)
        for each in wanted
    }
    keys = {*before, *(found[1] for found in before.values() if found)}
    entries: dict[int, list[PublicationEntry]] = {key: [] for key in keys}
    for entry in PublicationEntry.objects.filter(publication__in=keys).select_related(
        "revision", "narrative"
    ):
        entries[entry.publication_id].append(entry)
    compared = {
        key: compare_entries(entries[found[1]] if found else [], entries[key])
        for key, found in before.items()
    }
    kept = _kept(
        revision
        for told in compared.values()
        for now, then in told.reworded
        for revision in (now.revision, then.revision if then else None)
        if revision is not None
    )
    return {
        key: VersionChanges(
            [
                Change(
                    now.narrative,
                    now.revision,
                    then.revision if then else None,
                    _clips_of(now.revision, kept),
                    _clips_of(then.revision, kept) if then else (),
                )
                for now, then in told.reworded
            ],
            told.removed,
            told.moved,
            told.recast,
        )
        for key, told in compared.items()
    }


def _kept(revisions: Iterable[Revision]) -> dict[str, Clip]:
    hashes = {
        revision.speech(voice).content_hash for revision in revisions for voice in conf().listener_voices
    }
    # The waveform is large and not shown on this page.
    return Clip.objects.with_audio().defer("waveform").in_bulk(hashes, field_name="content_hash")


def _clips_of(revision: Revision, kept: dict[str, Clip]) -> list[VoiceClip]:
    return [(voice, kept.get(revision.speech(voice).content_hash)) for voice in conf().listener_voices]


# --- going back ----------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class WayBack:
    """The changes that going back to a version makes in the draft, in the version's order.

    `reworded` are texts whose words change, `returning` deleted texts that come back, `removed` texts that
    the version does not have, `moved` those that get another place, `recast` another kind or theme.
    """

    entries: Sequence[PublicationEntry]
    reworded: Sequence[PublicationEntry] = ()
    returning: Sequence[PublicationEntry] = ()
    removed: Sequence[Narrative] = ()
    moved: Sequence[Narrative] = ()
    recast: Sequence[PublicationEntry] = ()
    draft: Sequence[Narrative] = field(default=(), repr=False)

    @property
    def is_empty(self) -> bool:
        return not (self.reworded or self.returning or self.removed or self.moved or self.recast)

    @property
    def needs_delete_right(self) -> bool:
        return bool(self.returning or self.removed)

    def in_words(self, number: int) -> list[str]:
        """A sentence for each kind of change, as done. `number` is that of the version."""
        version = f"version {number}"
        parts = [
            (self.reworded, "text now reads", "texts now read", f"as in {version}"),
            (self.returning, "deleted text is", "deleted texts are", "back"),
            (self.removed, "text is", "texts are", f"deleted: not in {version}"),
            (self.moved, "text is", "texts are", f"in the place of {version} again"),
            (self.recast, "text has", "texts have", f"the kind and theme of {version} again"),
        ]
        return [
            f"{len(those)} {one if len(those) == 1 else many} {rest}."
            for those, one, many, rest in parts
            if those
        ]

    @property
    def clips(self) -> list[ClipSpec]:
        """The clips of the texts that change or come back, in every listener voice."""
        return draft_clips(
            Narrative(kind=entry.kind, text=entry.revision.text)
            for entry in (*self.reworded, *self.returning)
        )

    @property
    def seen(self) -> list[tuple[object, ...]]:
        """Equal if the same draft would change to the same version."""
        draft = [(each.pk, each.position, each.kind, each.title, each.text) for each in self.draft]
        return [*draft, *((entry.pk, entry.revision_id) for entry in self.entries)]


def way_back(publication: Publication, text: int | None = None) -> WayBack:
    """The way back to all of a version, or to the words of one of its texts."""
    journey: Journey = publication.journey
    entries = list(publication.entries.select_related("revision", "narrative", "narrative__live"))
    draft = share_lexicon(journey.narratives.select_related("live", "pending", "journey"))
    present = {each.pk: each for each in draft}
    if text is not None:
        entries = [entry for entry in entries if entry.narrative_id == text]
    reworded = [
        entry
        for entry in entries
        if entry.narrative_id in present and _words_of(entry) != _words_of(present[entry.narrative_id])
    ]
    returning = [entry for entry in entries if entry.narrative_id not in present]
    if text is not None:
        return WayBack(entries, reworded, returning, draft=draft)
    compared = publishing.compare_draft(draft, entries)
    recast = {each.pk for each in compared.recast}
    return WayBack(
        entries,
        reworded,
        returning,
        removed=compared.added,
        moved=compared.moved,
        recast=[entry for entry in entries if entry.narrative_id in recast],
        draft=draft,
    )


def _words_of(text: Narrative | PublicationEntry) -> tuple[str, str]:
    words = text.revision if isinstance(text, PublicationEntry) else text
    return words.title, words.text


@transaction.atomic
def restore(publication: Publication, text: int | None = None, *, by: str = "") -> WayBack:
    """Make the draft exactly this version: its texts, their words, order and kinds.

    With `text`, only the words of that text. Listeners get it when it is published. Returns what changed.
    """
    publishing.lock_publishing()
    back = way_back(publication, text)
    delete_narratives(back.removed, by=by)
    restore_narratives(entry.narrative for entry in back.returning)
    journey: Journey = publication.journey
    present = {each.pk: each for each in journey.narratives.select_related("journey")}
    for entry in (*back.reworded, *back.returning):
        narrative = present[entry.narrative_id]
        narrative.title, narrative.text = _words_of(entry)
        save_draft(narrative, ["title", "text"])
    recast = [*back.recast, *back.returning]
    # The page asks for a system clip by its name. Free these names first: two texts may have swapped theirs.
    for entry in filter(lambda entry: entry.is_system, recast):
        Narrative.objects.filter(pk=entry.narrative_id).update(slug=f"free-{entry.narrative_id}")
    for entry in recast:
        narrative = present[entry.narrative_id]
        narrative.kind, narrative.theme = entry.kind, entry.theme
        if entry.is_system:
            narrative.slug = entry.slug
        save_draft(narrative, [])
    if text is None:
        put_in_order(present[entry.narrative_id] for entry in back.entries)
    publishing.sync_pins()
    return back
