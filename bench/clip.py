"""The clip of the benchmarks: 60 kB of valid MP3, and a function that stores it in the product."""

from __future__ import annotations

from harness.speech_api import sound

TEXT = "What place from your childhood comes to mind most often?"


def mp3() -> bytes:
    """59,904 bytes: 3.7 s at 128 kbit/s."""
    return sound.spoken_clip(TEXT, "nova", "mp3")


def keep_published(text: str = TEXT) -> str:
    """In the product: store it in every tier as a published clip of this text; returns its content hash."""
    from ttscache.audio import examine
    from ttscache.models import Clip, ContentType, Pin
    from ttscache.renditions.current import request_for
    from ttscache.tiers import Entry, checksum_of
    from ttscache.warming.settings_changes import follow_settings
    from ttscache.wiring import speech_cache

    # A web process follows the settings at its start and then pins what texts hold: that would end this pin.
    follow_settings()

    speech = request_for(text, "nova")
    assert speech.audio_format == "mp3"
    Clip.objects.record(speech, ContentType.QUESTION)
    Pin.objects.get_or_create(content_hash=speech.content_hash, reason=Pin.Reason.LIVE)
    heard = mp3()
    facts = examine(heard, "mp3")
    entry = Entry(
        content_hash=speech.content_hash,
        audio=heard,
        audio_format="mp3",
        checksum=checksum_of(heard),
        duration_ms=facts.duration_ms,
        content_type=ContentType.QUESTION,
        voice=speech.voice,
        model=speech.model,
        characters=len(text),
        loudness_dbfs=facts.loudness_dbfs,
        waveform=facts.waveform,
        is_published=True,
    )
    for tier in speech_cache().tiers.all:
        tier.put(entry)
    return speech.content_hash
