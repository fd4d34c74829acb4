"""Compute the effect of a change of the lexicon before it is saved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.utils import timezone

from narratives import publishing
from narratives.models import BankReflection, Journey, Narrative, Pronunciation
from narratives.publishing import kind_of_clip
from narratives.text.lexicon import Lexicon
from narratives.text.word_diff import Piece, changes
from ttscache import warming
from ttscache.conf import conf
from ttscache.models import ContentType
from ttscache.renditions.current import request_for
from ttscache.renditions.irreplaceable import retired_among
from ttscache.staff.wording import price
from ttscache.text.plain_text import comparable_word
from ttscache.warming import ClipSpec, Plan


@dataclass(frozen=True, slots=True)
class Text:
    """A text that may be spoken, with its title and whether listeners have it."""

    title: str
    words: str
    content_type: str
    is_live: bool


@dataclass(frozen=True, slots=True)
class ChangedPronunciation:
    """A text that these voices would pronounce differently. `clips` has one entry per voice."""

    text: Text
    voices: tuple[str, ...]
    spoken: str
    clips: tuple[ClipSpec, ...]

    @property
    def difference(self) -> list[Piece]:
        return changes(self.text.words, self.spoken)


@dataclass(frozen=True, slots=True)
class Effect:
    """All texts that a new lexicon pronounces differently, and a plan that prices their clips."""

    changed: tuple[ChangedPronunciation, ...]
    planned: Plan

    @property
    def in_words(self) -> str:
        """The number of clips and texts, and the price of the missing clips."""
        texts, number = len(self.changed), len(self.planned.clips)
        clips = f"{number} clip{'' if number == 1 else 's'} in {texts} text{'' if texts == 1 else 's'}"
        missing = len(self.planned.missing)
        if not missing:
            return f"This changes {clips}. The new audio is ready."
        if self.is_impossible:
            return f"This changes {clips}. {missing} cannot be made: the voice model has been switched off."
        new = "1 new clip has" if missing == 1 else f"{missing} new clips have"
        return (
            f"This changes {clips}. {new} to be made: "
            f"{self.planned.characters:,} characters, {price(self.planned.cost_usd)}."
        )

    @property
    def is_impossible(self) -> bool:
        """Whether a missing clip cannot be made because its voice model has been switched off."""
        return bool(retired_among(clip.model for clip in self.planned.missing))

    @property
    def has_live(self) -> bool:
        return any(each.text.is_live for each in self.changed)


def effect_of(after: Lexicon) -> Effect:
    """Compare this lexicon with the saved one, for drafts, published texts and the bank."""
    before = Pronunciation.objects.lexicon()
    changed = tuple(change for text in _texts() if (change := _changed_pronunciation(text, before, after)))
    return Effect(changed, warming.plan(clip for each in changed for clip in each.clips))


@dataclass(frozen=True, slots=True)
class NewSounds:
    """The clips that publishing a lexicon makes, including earlier changes that are not published yet.

    A rendition that is being prepared needs them, too, so its clips are among them.
    `silent_voices` lack clips that cannot be made, so nothing is planned in them.
    """

    planned: Plan
    silent_voices: Sequence[str]


def sounds_to_publish(after: Lexicon) -> NewSounds:
    said = publishing.said_otherwise(after)

    def clips_in(voice: str) -> list[ClipSpec]:
        return [
            ClipSpec(request_for(after.spoken(entry.revision.text, voice), voice), kind_of_clip(entry))
            for entry in said
        ]

    with publishing.making_new_words() as voices:
        now = [spec for voice in voices for spec in clips_in(voice)]
    planned = warming.plan([*now, *publishing.clips_in_pending_renditions(clips_in)])
    return NewSounds(planned, publishing.silent_voices(clips_in))


def lexicon_with(new: Pronunciation) -> Lexicon:
    """The saved lexicon with this entry changed or added."""
    others = Pronunciation.objects.exclude(pk=new.pk)  # a new entry has no key and excludes none
    return Lexicon.of([*(each.entry for each in others), new.entry])


def lexicon_with_all(new: Iterable[Pronunciation]) -> Lexicon:
    """The saved lexicon with several entries, each replacing the entry of the same word and voice."""
    said = {
        (comparable_word(each.word), each.voice): each.entry for each in [*Pronunciation.objects.all(), *new]
    }
    return Lexicon.of(said.values())


def lexicon_without(old: Pronunciation) -> Lexicon:
    return Lexicon.of(each.entry for each in Pronunciation.objects.exclude(pk=old.pk))


def said_with(entry: Pronunciation) -> list[Narrative]:
    """The texts that contain the word of this entry."""
    alone = Lexicon.of([entry.entry])
    return [
        narrative
        for narrative in Narrative.objects.select_related("live", "pending", "journey")
        if alone.spoken(narrative.text, entry.voice) != narrative.text
    ]


def clip_of_word(say_as: str, voice: str) -> ClipSpec:
    """The clip of this spelling alone, to hear before it is saved. The lexicon does not change it again."""
    return ClipSpec(request_for(say_as, voice), ContentType.NARRATIVE)


def make_word(say_as: str, voice: str, *, requested_by: str) -> None:
    # A scope of its own: joining an active run would not retry what failed there.
    scope = f"a pronunciation, {timezone.now():%d %b %Y %H:%M:%S}"
    warming.start_run(scope, [clip_of_word(say_as, voice)], requested_by=requested_by)


def _texts() -> Iterator[Text]:
    """Drafts, the bank, and live or upcoming texts that differ from their draft or are deleted there."""
    live_journeys = Journey.objects.live().values_list("pk", flat=True)
    published = publishing.next_entries_of(live_journeys).values()
    upcoming = {entry.narrative_id: entry for entries in published for entry in entries}
    for narrative in Narrative.objects.all():
        kind, entry = kind_of_clip(narrative), upcoming.pop(narrative.pk, None)
        is_live = entry is not None
        if entry is not None and entry.revision.text != narrative.text:
            yield Text(entry.revision.title, entry.revision.text, kind, is_live=True)
            is_live = False  # of the draft, which has other words
        yield Text(narrative.title, narrative.text, kind, is_live=is_live)
    for entry in upcoming.values():
        yield Text(entry.revision.title, entry.revision.text, kind_of_clip(entry), is_live=True)
    for reflection in BankReflection.objects.active():
        yield Text("Reflection bank", reflection.text, ContentType.ANALYSIS, is_live=False)


def _changed_pronunciation(text: Text, before: Lexicon, after: Lexicon) -> ChangedPronunciation | None:
    spoken = {
        voice: after.spoken(text.words, voice)
        for voice in conf().listener_voices
        if after.spoken(text.words, voice) != before.spoken(text.words, voice)
    }
    if not spoken:
        return None
    # The page shows one spoken form, that of the first voice; each voice has a clip of its own form.
    clips = tuple(ClipSpec(request_for(said, voice), text.content_type) for voice, said in spoken.items())
    return ChangedPronunciation(text, tuple(spoken), next(iter(spoken.values())), clips)
