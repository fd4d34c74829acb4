"""Makes a clip from the same clip in another format, which costs nothing."""

from __future__ import annotations

import logging
from dataclasses import replace

from ttscache import audio as sound
from ttscache.errors import BrokenAudio
from ttscache.models import Clip
from ttscache.speech import SpeechRequest
from ttscache.tiers import Entry, checksum_of
from ttscache.tiers.chain import Hit, TierChain

logger = logging.getLogger(__name__)

# From the best source to the worst.
_SOURCES = ("wav", "flac", "pcm", "aac", "mp3", "opus")


def sources_of(request: SpeechRequest, *, at_any_loss: bool) -> list[SpeechRequest]:
    """The clips that can become this one, from the best to the worst."""
    is_lossless = sound.FORMATS[request.audio_format].is_lossless
    return [
        replace(request, audio_format=name)
        for name in _SOURCES
        if name != request.audio_format and (at_any_loss or is_lossless or sound.FORMATS[name].is_lossless)
    ]


def derive(
    tiers: TierChain, request: SpeechRequest, content_type: str, *, at_any_loss: bool = False
) -> Hit | None:
    """Convert a stored clip of these words into the format of the request, and keep it under its own key.

    A lossless clip becomes any format, and any clip becomes a lossless one: neither loses anything that is
    stored. A second lossy encoding is made only `at_any_loss`, where the clip cannot be bought any more.
    The hit names the tier of the clip that was converted. None if no stored clip will do. Raises
    django.db.Error.
    """
    sources = sources_of(request, at_any_loss=at_any_loss)
    stored = Clip.objects.with_audio().filter(content_hash__in=[source.content_hash for source in sources])
    records = {clip.content_hash: clip for clip in stored}
    for source in sources:
        record = records.get(source.content_hash)
        found = None if record is None else tiers.find(record.content_hash, loaded=record)
        if found is None:
            continue
        try:
            entry = _converted(found.entry, request, content_type)
        except BrokenAudio as error:
            logger.warning("A stored clip could not be converted from %s: %s", source.audio_format, error)
            continue
        Clip.objects.touch_or_record(request, content_type)
        tiers.store_permanently(entry)
        return Hit(tiers.store_locally(entry), found.tier)
    return None


def _converted(source: Entry, request: SpeechRequest, content_type: str) -> Entry:
    audio = sound.convert(source.audio, source.audio_format, request.audio_format)
    facts = sound.examine(audio, request.audio_format)
    return replace(
        source,
        content_hash=request.content_hash,
        audio=audio,
        audio_format=request.audio_format,
        checksum=checksum_of(audio),
        duration_ms=facts.duration_ms,
        content_type=content_type,
        loudness_dbfs=facts.loudness_dbfs,
        waveform=facts.waveform,
        is_published=False,
    )
