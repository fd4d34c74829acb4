"""The clips of published and waiting texts, and of the reflection bank."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

from narratives.models import (
    BankReflection,
    Journey,
    Narrative,
    Pronunciation,
    Publication,
    PublicationEntry,
    share_lexicon,
)
from ttscache.conf import conf
from ttscache.models import ContentType, Rendition
from ttscache.renditions.current import fixed_renditions, live_rendition, live_renditions
from ttscache.renditions.retirement import can_still_be_made
from ttscache.warming import ClipSpec, plan
from ttscache.warming.rendition_switch import pending_renditions


class HasKind(Protocol):
    """A text of the draft or of a version."""

    @property
    def is_question(self) -> bool: ...


def kind_of_clip(text: HasKind) -> ContentType:
    return ContentType.QUESTION if text.is_question else ContentType.NARRATIVE


def publication_clips(publication: Publication, voices: Iterable[str] = ()) -> list[ClipSpec]:
    """The clips of the words that a publication brought, in these voices or in every listener voice.

    Texts that it took over from the version before have their clips already.
    """
    new = publication.entries.filter(revision__publication=publication).select_related("revision")
    return [
        ClipSpec(entry.revision.speech(voice), kind_of_clip(entry))
        for voice in voices or conf().listener_voices
        for entry in new
    ]


def makeable_publication_clips(publication: Publication) -> list[ClipSpec]:
    """The clips of a publication that can be made.

    If the rendition of a voice can no longer make clips, they come from the rendition that will replace it;
    if none will, that voice has no clips here.
    """
    with making_new_words() as voices:
        return publication_clips(publication, voices) if voices else []


@contextmanager
def making_new_words() -> Iterator[list[str]]:
    """Within the block, each listener voice is played by the rendition that makes new clips.

    That is the live one, or the pending one if the live one can no longer make clips. Yields the voices that
    have either.
    """
    with fixed_renditions() as live:
        pending = {row.listener_voice: row.spec for row in pending_renditions()}
        stuck = set(conf().listener_voices).difference(makeable_voices())
        instead = {voice: spec for voice, spec in pending.items() if voice in stuck}
        # The words are spoken as if these renditions had taken over already.
        with fixed_renditions({**live, **instead}):
            yield [voice for voice in conf().listener_voices if voice not in stuck or voice in instead]


def makeable_voices() -> list[str]:
    """The listener voices in which clips can be made as the voice sounds today."""
    return [voice for voice in conf().listener_voices if can_still_be_made(live_rendition(voice))]


def voices_without_new_words() -> list[str]:
    """The listener voices in which nothing new can be made before staff choose who plays them."""
    with making_new_words() as voices:
        return [voice for voice in conf().listener_voices if voice not in voices]


def silent_voices(clips_in_voice: Callable[[str], Iterable[ClipSpec]]) -> list[str]:
    """The listener voices that lack some of these clips and cannot make them."""
    return [voice for voice in voices_without_new_words() if plan(clips_in_voice(voice)).missing]


def waits_for_renditions(publication: Publication) -> list[Rendition]:
    """The pending renditions that must take over before this publication can go live."""
    live = live_renditions()
    return [
        rendition
        for rendition in pending_renditions()
        if rendition.listener_voice in live and not can_still_be_made(live[rendition.listener_voice])
        if publication.state == Publication.State.WAITING
    ]


def journey_entries(journey: Journey) -> list[PublicationEntry]:
    """The live texts of a journey, in listening order. One query."""
    return list(PublicationEntry.objects.live().filter(publication__journey=journey))


def journey_clips_in_voice(journey: Journey, voice: str) -> list[ClipSpec]:
    """The clips of a journey's published texts in this voice, in listening order."""
    return entries_clips_in_voice(journey_entries(journey), voice)


def clips_in_pending_renditions(clips_in_voice: Callable[[str], Iterable[ClipSpec]]) -> list[ClipSpec]:
    """These clips in every pending rendition, which needs them before it takes over."""
    found: list[ClipSpec] = []
    for rendition in pending_renditions():
        voice = rendition.listener_voice
        with fixed_renditions({**live_renditions(), voice: rendition.spec}):
            found += clips_in_voice(voice)
    return found


def entries_clips_in_voice(entries: Iterable[PublicationEntry], voice: str) -> list[ClipSpec]:
    return [ClipSpec(entry.revision.speech(voice), kind_of_clip(entry)) for entry in entries]


def journey_clips_in_all_voices(journey: Journey) -> list[ClipSpec]:
    """The clips of a journey's published texts in every listener voice."""
    return [wanted for voice in conf().listener_voices for wanted in journey_clips_in_voice(journey, voice)]


def live_journeys_clips(voices: Iterable[str] = ()) -> list[ClipSpec]:
    """The clips of all live journeys, in these voices or in every listener voice."""
    return [
        wanted
        for journey in Journey.objects.live()
        for voice in voices or conf().listener_voices
        for wanted in journey_clips_in_voice(journey, voice)
    ]


def everything_spoken() -> list[ClipSpec]:
    """The clips of live, waiting and draft texts and of the bank, in every listener voice."""
    entries = PublicationEntry.objects.live_or_waiting().filter(publication__journey__deleted_at__isnull=True)
    published = [spec for voice in conf().listener_voices for spec in entries_clips_in_voice(entries, voice)]
    drafts = [
        ClipSpec(narrative.draft_speech(voice), kind_of_clip(narrative))
        for narrative in share_lexicon(Narrative.objects.all())
        for voice in conf().listener_voices
    ]
    return [*published, *drafts, *bank_clips(BankReflection.objects.active())]


def bank_clips(reflections: Iterable[BankReflection], voices: Iterable[str] = ()) -> list[ClipSpec]:
    """The clips of these reflections, in these voices or in every listener voice."""
    lexicon = Pronunciation.objects.lexicon()
    # Callers rely on the order: all reflections in the first voice, then all in the next.
    return [
        ClipSpec(reflection.speech(voice, lexicon), ContentType.ANALYSIS)
        for voice in voices or conf().listener_voices
        for reflection in reflections
    ]
