"""Keep pins in step with the texts. A pin says why a prune must keep a clip."""

from __future__ import annotations

from django.db import transaction

from narratives.models import BankReflection, Journey, Narrative, share_lexicon
from narratives.publishing.clips import bank_clips, kind_of_clip
from ttscache import warming
from ttscache.conf import conf
from ttscache.models import Clip, ContentType, Pin
from ttscache.pins import replace_pins
from ttscache.renditions.current import fixed_renditions
from ttscache.warming import ClipSpec
from ttscache.warming.takeover import needed_clips, pending_renditions


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
    for narrative in share_lexicon(Narrative.objects.select_related("live", "pending", "journey")):
        is_live = narrative.live is not None and narrative.journey.is_live
        differs_from_live = narrative.differs_from_live
        for voice in conf().listener_voices:
            if narrative.live is not None and is_live:
                speech = narrative.live.speech(voice)
                audible.append(ClipSpec(speech, kind_of_clip(narrative)))
                is_system = narrative.kind == Narrative.Kind.SYSTEM
                wanted[Pin.Reason.SYSTEM if is_system else Pin.Reason.LIVE].add(speech.content_hash)
            if narrative.pending is not None:
                wanted[Pin.Reason.DRAFT].add(narrative.pending.speech(voice).content_hash)
            # A draft equal to its live text has the same clip, which is pinned already.
            if differs_from_live or not is_live:
                wanted[Pin.Reason.DRAFT].add(narrative.draft_speech(voice).content_hash)
    for rendition in pending_renditions():
        wanted[Pin.Reason.DRAFT] |= {spec.speech.content_hash for spec in needed_clips(rendition)}
    # Before the pins are written, so that a prune that runs now keeps these clips.
    Clip.objects.protect(set().union(*wanted.values()))
    warming.record(audible)
    Clip.objects.record_all(bank, ContentType.ANALYSIS, are_shareable=True)
    replace_pins(wanted)
