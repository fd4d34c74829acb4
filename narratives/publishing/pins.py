"""Keep pins in step with the texts. A pin says why a prune must keep a clip."""

from __future__ import annotations

from django.db import transaction

from narratives.models import (
    BankReflection,
    Journey,
    Narrative,
    Publication,
    PublicationEntry,
    share_lexicon,
)
from narratives.publishing.clips import bank_clips, kind_of_clip
from ttscache import warming
from ttscache.conf import conf
from ttscache.models import Clip, ContentType, Pin
from ttscache.pins import replace_pins
from ttscache.renditions.current import fixed_renditions
from ttscache.warming import ClipSpec
from ttscache.warming.rendition_switch import needed_clips, pending_renditions


def lock_publishing() -> None:
    """Let only one transaction at a time change what listeners get. Call it inside a transaction."""
    list(Journey.everything.select_for_update().order_by("pk"))


@transaction.atomic
def sync_pins() -> None:
    """Record the clips of published texts, and pin those of live, waiting and draft texts.

    Clips of a rendition that is being prepared are pinned as drafts, because nobody hears them yet.
    """
    lock_publishing()  # of two concurrent calls, the later one sees all changes and writes last
    with fixed_renditions():  # read the renditions once, after the lock
        _sync_pins()


def _sync_pins() -> None:
    bank = [wanted.speech for wanted in bank_clips(BankReflection.objects.active())]
    wanted: dict[Pin.Reason, set[str]] = {
        Pin.Reason.LIVE: set(),
        Pin.Reason.SYSTEM: set(),
        Pin.Reason.DRAFT: set(),
        Pin.Reason.BANK: {speech.content_hash for speech in bank},
    }
    audible: list[ClipSpec] = []
    entries = PublicationEntry.objects.live_or_waiting().filter(publication__journey__deleted_at__isnull=True)
    for entry in entries.select_related("publication__journey"):
        is_waiting = entry.publication.state == Publication.State.WAITING
        if is_waiting and entry.revision.publication_id != entry.publication_id:
            continue  # a text that the waiting version keeps is among the live ones
        if not is_waiting and not entry.publication.journey.is_live:
            continue  # nobody hears it; where it differs from the draft, its clips may go
        for voice in conf().listener_voices:
            speech = entry.revision.speech(voice)
            reason = Pin.Reason.SYSTEM if entry.is_system else Pin.Reason.LIVE
            wanted[Pin.Reason.DRAFT if is_waiting else reason].add(speech.content_hash)
            if not is_waiting:
                audible.append(ClipSpec(speech, kind_of_clip(entry)))
    for narrative in share_lexicon(Narrative.objects.select_related("live", "journey")):
        # A draft equal to its live text has the same clip, which is pinned already.
        if narrative.differs_from_live or not narrative.journey.is_live:
            hashes = {narrative.draft_speech(voice).content_hash for voice in conf().listener_voices}
            wanted[Pin.Reason.DRAFT] |= hashes
    for rendition in pending_renditions():
        wanted[Pin.Reason.DRAFT] |= {spec.speech.content_hash for spec in needed_clips(rendition)}
    # Before the pins are written, so that a prune that runs now keeps these clips.
    Clip.objects.protect(set().union(*wanted.values()))
    warming.record(audible)
    Clip.objects.record_all(bank, ContentType.ANALYSIS, are_shareable=True)
    replace_pins(wanted)
