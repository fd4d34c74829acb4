"""PublishRequest: the changes, the clips and the price of publishing.

`Plan.cost_usd` of ttscache/warming/plan.py adds it up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from narratives.models import Journey, Narrative, PublicationEntry
from narratives.publishing.clips import clips_in_pending_renditions, making_new_words, silent_voices
from narratives.publishing.next_versions import NextVersion
from narratives.publishing.publications import next_version, next_versions
from ttscache import warming
from ttscache.fingerprint import fingerprint_of
from ttscache.warming import Plan


@dataclass(frozen=True, slots=True)
class PublishRequest:
    """A request to publish: a whole journey, or chosen texts; what that changes, and the clips to make.

    The texts of a version that waits already are published along with them, so their clips count too. So do
    clips of a rendition that is being prepared; `awaited` are those of the renditions that listeners hear.
    `silent_voices` lack clips of these texts that cannot be made, so nothing is planned in them.
    """

    journey: Journey | None
    narratives: Sequence[Narrative]
    versions: Sequence[NextVersion]
    planned: Plan
    awaited: frozenset[str]
    silent_voices: Sequence[str]

    @classmethod
    def of(cls, saved: Journey | Narrative) -> PublishRequest:
        """All of a journey's draft, or one text."""
        if isinstance(saved, Narrative):
            return cls.of_chosen([saved])
        return cls._of(saved, (), [next_version(saved)])

    @classmethod
    def of_chosen(cls, narratives: Sequence[Narrative]) -> PublishRequest:
        return cls._of(None, narratives, next_versions(narratives))

    @classmethod
    def _of(
        cls, journey: Journey | None, narratives: Sequence[Narrative], found: Iterable[NextVersion]
    ) -> PublishRequest:
        versions = [version for version in found if not version.changes.is_empty]
        with making_new_words() as voices:
            now = [spec for version in versions for spec in version.new_clips(voices)]
        # A journey that listeners do not have needs no clips in a rendition that is being prepared.
        pending = clips_in_pending_renditions(
            lambda voice: [
                spec for each in versions if each.journey.is_live for spec in each.new_clips([voice])
            ]
        )
        silent = silent_voices(
            lambda voice: [spec for version in versions for spec in version.new_clips([voice])]
        )
        awaited = frozenset(spec.speech.content_hash for spec in now)
        return cls(journey, narratives, versions, warming.plan([*now, *pending]), awaited, silent)

    @property
    def ahead(self) -> list[Narrative]:
        """The texts that publishing changes, each with `is_reworded` and `place_says`. No removed ones."""
        texts = []
        for version in self.versions:
            for text in version.changes.texts:
                text.place_says = version.changes.place_says(text)  # type: ignore[attr-defined]
                text.is_reworded = text in version.changes.reworded  # type: ignore[attr-defined]
                texts.append(text)
        return texts

    @property
    def removed(self) -> list[PublicationEntry]:
        return [entry for version in self.versions for entry in version.changes.removed]

    @property
    def has_listeners(self) -> bool:
        return any(version.journey.is_live for version in self.versions)

    @property
    def warning(self) -> str:
        """Say which voices cannot speak these words, and what to do; empty if all can."""
        return warning_of(self.silent_voices) if self.has_listeners else ""

    @property
    def costs_money(self) -> bool:
        """Whether publishing makes paid clips. It makes none for a journey that is not live."""
        return self.planned.cost_usd > 0 and self.has_listeners

    @property
    def makes_listeners_wait(self) -> bool:
        """Whether a clip is missing that listeners need at once. A rendition in preparation can take longer.

        A journey that is not live has no listeners who would have to wait, so it switches at once.
        """
        is_missing = any(clip.content_hash in self.awaited for clip in self.planned.missing)
        return self.has_listeners and (is_missing or bool(self.silent_voices))

    @property
    def fingerprint(self) -> str:
        """Equal for requests that would publish the same texts in the same order with the same clips."""
        clips = [clip.content_hash for clip in self.planned.clips]
        return fingerprint_of(
            ([[line.is_as_in for line in version.lines] for version in self.versions], clips)
        )


def warning_of(silent_voices: Sequence[str]) -> str:
    """Say that these voices cannot speak the new words, and what to do; empty without such a voice."""
    if not silent_voices:
        return ""
    return (
        f"New words cannot be spoken as {' and '.join(silent_voices)} sounds today: the model is switched "
        "off, or its key is missing. Nothing is made or paid for there. Listeners keep the present version "
        "until you choose, on the page Voices, who plays this voice next."
    )
