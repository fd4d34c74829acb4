"""The versions of a journey: what each one changed, which clips are kept, and going back to one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from django.db import transaction
from django.db.models import Q

from narratives import publishing
from narratives.editing.drafts import save_draft
from narratives.models import Journey, Narrative, Publication, Revision
from narratives.text.word_diff import Piece, changes
from ttscache.conf import conf
from ttscache.models import Clip

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
        draft = (self.narrative.title, self.narrative.text)
        return draft != (self.revision.title, self.revision.text)

    @property
    def is_only_sound(self) -> bool:
        """Whether title and text stayed the same, so that only the pronunciation changed."""
        same = self.before is not None and (self.before.title, self.before.text)
        return same == (self.revision.title, self.revision.text)


def changes_of(publications: Iterable[Publication]) -> dict[int, list[Change]]:
    """The changes of each publication of one journey, by its key. Three queries for any number."""
    publications = list(publications)
    if not publications:
        return {}
    journey = publications[0].journey_id
    revisions = list(
        Revision.objects.filter(narrative__journey=journey, narrative__deleted_at__isnull=True)
        .select_related("narrative", "publication")
        .order_by("publication__number", "narrative__position", "pk")
    )
    kept = _kept(revisions)
    told: dict[int, list[Change]] = {publication.pk: [] for publication in publications}
    heard: dict[int, Revision] = {}
    for revision in revisions:
        before = heard.get(revision.narrative_id)
        publication = revision.publication
        if publication is not None and publication.pk in told:
            told[publication.pk].append(
                Change(
                    revision.narrative,
                    revision,
                    before,
                    _clips_of(revision, kept),
                    _clips_of(before, kept) if before is not None else (),
                )
            )
        # Listeners never had a waiting or cancelled version, so it is not the "before" of a later one.
        if publication is None or publication.state == Publication.State.PUBLISHED:
            heard[revision.narrative_id] = revision
    return told


def _kept(revisions: Iterable[Revision]) -> dict[str, Clip]:
    hashes = {
        revision.speech(voice).content_hash for revision in revisions for voice in conf().listener_voices
    }
    # The waveform is large and not shown on this page.
    return Clip.objects.with_audio().defer("waveform").in_bulk(hashes, field_name="content_hash")


def _clips_of(revision: Revision, kept: dict[str, Clip]) -> list[VoiceClip]:
    return [(voice, kept.get(revision.speech(voice).content_hash)) for voice in conf().listener_voices]


# --- going back ----------------------------------------------------------------------------------------
def words_as_of(publication: Publication, text: int | None = None) -> dict[Narrative, Revision]:
    """Texts whose draft differs from this version, each with its words then. `text` limits it to one."""
    journey: Journey = publication.journey
    heard_by_then = Q(
        publication__state=Publication.State.PUBLISHED, publication__number__lt=publication.number
    )
    revisions = Revision.objects.filter(
        Q(publication=publication) | heard_by_then, narrative__journey=journey
    ).order_by("publication__number", "pk")
    # In order of number, so that the last one of each text wins.
    latest = {revision.narrative_id: revision for revision in revisions}
    return {
        narrative: latest[narrative.pk]
        for narrative in journey.narratives.select_related("live", "pending", "journey")
        if narrative.pk in latest
        and text in (None, narrative.pk)
        and (latest[narrative.pk].title, latest[narrative.pk].text) != (narrative.title, narrative.text)
    }


@transaction.atomic
def restore(publication: Publication, text: int | None = None) -> list[Narrative]:
    """Copy this version into the drafts. Listeners get it when it is published."""
    publishing.lock_publishing()
    restored = words_as_of(publication, text)
    for narrative, revision in restored.items():
        narrative.title, narrative.text = revision.title, revision.text
        save_draft(narrative, ["title", "text"])
    publishing.sync_pins()
    return list(restored)
