"""The clips that a rendition needs before it may play a listener voice."""

from __future__ import annotations

from narratives.models import BankReflection, Publication
from narratives.publishing.clips import bank_clips, live_journeys_clips, publication_clips
from narratives.publishing.pins import sync_pins
from narratives.publishing.publications import activate_ready_publications, make_what_waits
from ttscache import warming
from ttscache.renditions.current import fixed_renditions
from ttscache.speech import VoiceRendition
from ttscache.warming import ClipSpec


def clips_of_voice(listener_voice: str, rendition: VoiceRendition) -> list[ClipSpec]:
    """All clips that must be ready before this rendition may play this voice.

    These are the clips of live journeys, of waiting publications in them, and of the reflections in the bank
    that have a clip in this voice today.
    """
    # A clip depends on the rendition: see first which are made today, then list them for the new one.
    with fixed_renditions() as now:
        bank = bank_clips(BankReflection.objects.active(), [listener_voice])
        are_spoken = {clip.content_hash for clip in warming.plan(bank).clips if clip.is_ready}
    spoken = [each.speech.content_hash in are_spoken for each in bank]
    with fixed_renditions({**now, listener_voice: rendition}):
        waiting = [
            spec
            for publication in Publication.objects.waiting().filter(journey__is_live=True)
            for spec in publication_clips(publication, [listener_voice])
        ]
        same_bank = bank_clips(BankReflection.objects.active(), [listener_voice])
        wanted = [spec for spec, is_spoken in zip(same_bank, spoken, strict=True) if is_spoken]
        return [*live_journeys_clips([listener_voice]), *waiting, *wanted]


def voices_changed() -> None:
    """Update pins and waiting publications after a rendition was requested, given up or switched."""
    with fixed_renditions():  # read the renditions as this transaction has changed them
        sync_pins()
        make_what_waits(requested_by="a change of voices")
        activate_ready_publications()
