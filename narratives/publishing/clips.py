"""The clips of what is published or about to be, and of the bank."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.db.models import QuerySet

from narratives.models import (
    BankReflection,
    Journey,
    Narrative,
    Pronunciation,
    Publication,
    Revision,
    share_lexicon,
)
from ttscache.conf import conf
from ttscache.models import ContentType, Rendition
from ttscache.renditions.current import live_rendition, live_renditions, playing
from ttscache.renditions.retirement import can_still_be_made
from ttscache.warming import ClipSpec
from ttscache.warming.takeover import pending_renditions


def kind_of_clip(narrative: Narrative) -> ContentType:
    return ContentType.QUESTION if narrative.is_question else ContentType.NARRATIVE


def given_by(publication: Publication) -> QuerySet[Revision]:
    """Its texts, without those that have been deleted since."""
    return publication.revisions.filter(narrative__deleted_at__isnull=True)


def clips_of(publication: Publication, voices: Iterable[str] = ()) -> list[ClipSpec]:
    """All clips of its texts, in these voices or in all that listeners have."""
    return [
        ClipSpec(revision.speech(voice), kind_of_clip(revision.narrative))
        for voice in voices or conf().listener_voices
        for revision in given_by(publication)
        .select_related("narrative")
        .order_by("narrative__position", "pk")
    ]


def makeable_clips_of(publication: Publication) -> list[ClipSpec]:
    """Those that can be made. A voice whose rendition cannot be made any more says the new words once the
    rendition takes over that is being prepared; where none is, nothing is made in it.
    """
    with making_new_words() as voices:
        return clips_of(publication, voices) if voices else []


@contextmanager
def making_new_words() -> Iterator[list[str]]:
    """Within the block, each listener voice is played by the rendition in which new words are made: the live
    one, or the pending one where the live one cannot be made any more. Yields the voices that have either.
    """
    with playing() as live:
        pending = {row.listener_voice: row.spec for row in pending_renditions()}
        stuck = set(conf().listener_voices).difference(makeable_voices())
        instead = {voice: spec for voice, spec in pending.items() if voice in stuck}
        with playing({**live, **instead}):
            yield [voice for voice in conf().listener_voices if voice not in stuck or voice in instead]


def makeable_voices() -> list[str]:
    """The listener voices in which clips can be made as the voice sounds today."""
    return [voice for voice in conf().listener_voices if can_still_be_made(live_rendition(voice))]


def voices_without_new_words() -> list[str]:
    """The listener voices in which nothing new can be made before staff choose who plays them."""
    with making_new_words() as voices:
        return [voice for voice in conf().listener_voices if voice not in voices]


def waits_for_renditions(publication: Publication) -> list[Rendition]:
    """The pending renditions without which listeners cannot get these words: the page says so."""
    live = live_renditions()
    return [
        rendition
        for rendition in pending_renditions()
        if rendition.listener_voice in live and not can_still_be_made(live[rendition.listener_voice])
        if publication.state == Publication.State.WAITING
    ]


def published_clips(journey: Journey, voice: str) -> Iterator[ClipSpec]:
    """Everything of a journey that listeners may hear in this voice, in its order."""
    return clips_in_voice(journey.narratives.published(), voice)


def clips_in_voice(narratives: Iterable[Narrative], voice: str) -> Iterator[ClipSpec]:
    """What listeners hear of these texts in this voice."""
    for narrative in narratives:
        if narrative.live is not None:
            yield ClipSpec(narrative.live.speech(voice), kind_of_clip(narrative))


def clips_of_live(narrative: Narrative) -> list[ClipSpec]:
    """What listeners hear of one text, in every voice that they have."""
    live, kind = narrative.live, kind_of_clip(narrative)
    return [ClipSpec(live.speech(voice), kind) for voice in conf().listener_voices] if live else []


def all_published_clips(journey: Journey) -> list[ClipSpec]:
    """The same in every voice that listeners have."""
    return [wanted for voice in conf().listener_voices for wanted in published_clips(journey, voice)]


def live_clips(voices: Iterable[str] = ()) -> list[ClipSpec]:
    """Everything of all live journeys, in these voices or in all that listeners have."""
    return [
        wanted
        for journey in Journey.objects.live()
        for voice in voices or conf().listener_voices
        for wanted in published_clips(journey, voice)
    ]


def all_clips() -> list[ClipSpec]:
    """All texts in every voice that listeners have: what they hear, what waits, the drafts, and the bank."""
    narratives = share_lexicon(Narrative.objects.select_related("live", "pending", "journey"))
    spoken = [
        ClipSpec(speech, kind_of_clip(narrative))
        for voice in conf().listener_voices
        for narrative in narratives
        for speech in (
            *(revision.speech(voice) for revision in (narrative.live, narrative.pending) if revision),
            narrative.draft_speech(voice),
        )
    ]
    return [*spoken, *bank_clips(BankReflection.objects.active())]


def bank_clips(reflections: Iterable[BankReflection], voices: Iterable[str] = ()) -> list[ClipSpec]:
    """What these reflections sound like in these voices, or in all that listeners have."""
    lexicon = Pronunciation.objects.lexicon()
    return [
        ClipSpec(reflection.speech(voice, lexicon), ContentType.ANALYSIS)
        for voice in voices or conf().listener_voices
        for reflection in reflections
    ]
