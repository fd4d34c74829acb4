"""What a change of the lexicon would bring about, before it is saved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from narratives import publishing
from narratives.models import BankReflection, Narrative, Pronunciation
from narratives.publishing import kind_of_clip
from narratives.text.lexicon import Lexicon
from narratives.text.word_diff import Piece, changes
from ttscache import warming
from ttscache.conf import conf
from ttscache.models import ContentType
from ttscache.renditions.current import request_for
from ttscache.renditions.irreplaceable import retired_among
from ttscache.staff.wording import price
from ttscache.warming import ClipSpec, Plan


@dataclass(frozen=True, slots=True)
class Text:
    """Words that may be spoken, and where they stand."""

    title: str
    words: str
    content_type: str
    is_live: bool


@dataclass(frozen=True, slots=True)
class ChangedPronunciation:
    """A text that would be said otherwise in these voices. `clips` has one for each of them."""

    text: Text
    voices: tuple[str, ...]
    spoken: str
    clips: tuple[ClipSpec, ...]

    @property
    def difference(self) -> list[Piece]:
        return changes(self.text.words, self.spoken)


@dataclass(frozen=True, slots=True)
class Effect:
    """All texts that a lexicon says otherwise than the one in force, and what their clips would cost."""

    changed: tuple[ChangedPronunciation, ...]
    planned: Plan

    @property
    def in_words(self) -> str:
        """How many texts and clips, and what making them would cost."""
        texts, number = len(self.changed), len(self.planned.clips)
        clips = f"{number} clip{'' if number == 1 else 's'} of {texts} text{'' if texts == 1 else 's'}"
        if not self.planned.missing:
            return f"This changes {clips}. All of them are made already."
        if self.is_impossible:
            number = len(self.planned.missing)
            return f"This changes {clips}; {number} cannot be made: the voice model has been switched off."
        return (
            f"This changes {clips}; {len(self.planned.missing)} would have to be made: "
            f"{self.planned.characters:,} characters, {price(self.planned.cost_usd)}."
        )

    @property
    def is_impossible(self) -> bool:
        """Whether a clip is missing that nobody can make: its voice model has retired."""
        return bool(retired_among(clip.model for clip in self.planned.missing))

    @property
    def has_live(self) -> bool:
        return any(each.text.is_live for each in self.changed)


def effect_of(after: Lexicon) -> Effect:
    """Nothing is written."""
    before = Pronunciation.objects.lexicon()
    changed = tuple(change for text in _texts() if (change := _changed_pronunciation(text, before, after)))
    return Effect(changed, warming.plan(clip for each in changed for clip in each.clips))


def sounds_to_publish(after: Lexicon) -> Plan:
    """The clips of all that would be published with it: also what earlier changes have left to publish."""
    return warming.plan(
        ClipSpec(request_for(after.spoken(revision.text, voice), voice), kind_of_clip(narrative))
        for narrative, revision in publishing.said_otherwise(after)
        for voice in conf().listener_voices
    )


def lexicon_with(new: Pronunciation) -> Lexicon:
    """As it would be with this entry, changed or new."""
    others = Pronunciation.objects.exclude(pk=new.pk)
    return Lexicon.of([*(each.entry for each in others), new.entry])


def lexicon_with_all(new: Iterable[Pronunciation]) -> Lexicon:
    """The same with several, each instead of what there is for its word and voice."""
    said = {(each.word.lower(), each.voice): each.entry for each in [*Pronunciation.objects.all(), *new]}
    return Lexicon.of(said.values())


def lexicon_without(old: Pronunciation) -> Lexicon:
    return Lexicon.of(each.entry for each in Pronunciation.objects.exclude(pk=old.pk))


def said_with(entry: Pronunciation) -> list[Narrative]:
    """The texts in which the word is written."""
    alone = Lexicon.of([entry.entry])
    return [
        narrative
        for narrative in Narrative.objects.select_related("live", "pending", "journey")
        if alone.spoken(narrative.text, entry.voice) != narrative.text
    ]


def _texts() -> Iterator[Text]:
    """Drafts, what listeners have or are about to get where it says something else, and the bank."""
    narratives: Iterable[Narrative] = Narrative.objects.select_related("live", "pending", "journey")
    for narrative in narratives:
        kind, upcoming = kind_of_clip(narrative), narrative.upcoming
        is_live = upcoming is not None and narrative.journey.is_live
        if upcoming is not None and is_live and upcoming.text != narrative.text:
            yield Text(upcoming.title, upcoming.text, kind, is_live=True)
            is_live = False
        yield Text(narrative.title, narrative.text, kind, is_live=is_live)
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
    clips = tuple(ClipSpec(request_for(said, voice), text.content_type) for voice, said in spoken.items())
    return ChangedPronunciation(text, tuple(spoken), next(iter(spoken.values())), clips)
