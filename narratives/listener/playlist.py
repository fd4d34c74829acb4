"""A live journey as front ends get it: the words, and where their sound is."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from narratives.models import Journey, PublicationEntry
from narratives.publishing import journey_entries
from ttscache.audio import FORMATS, cues
from ttscache.conf import conf
from ttscache.delivery.clip_urls import audio_path, published_address
from ttscache.errors import SpeechError
from ttscache.models import Clip
from ttscache.renditions.current import fixed_renditions
from ttscache.speech import SpeechRequest


class UnknownJourney(SpeechError):
    code = "unknown_journey"
    status = 404
    sentence = "There is no such journey."


def live_journey(slug: str | None) -> Journey:
    """The journey of this name, or the default one. Raises UnknownJourney."""
    live = Journey.objects.live()
    journey = (live.filter(slug=slug) if slug else live).first()  # the default one comes first
    if journey is None:
        raise UnknownJourney
    return journey


def described_audio(speech: SpeechRequest, clip: Clip | None) -> dict[str, Any]:
    """The fields that a front end needs to play this."""
    content_hash = speech.content_hash
    is_ready = clip is not None and clip.is_ready
    return {
        "url": published_address(clip) if clip else audio_path(content_hash, speech.audio_format),
        "content_hash": content_hash,
        "ready": is_ready,
        "duration_ms": clip.duration_ms if clip is not None and is_ready else None,
        "bytes": clip.audio_file_size if clip is not None and is_ready else None,
        "content_type": FORMATS[speech.audio_format].media_type,
    }


def with_cues(audio: dict[str, Any], text: str) -> dict[str, Any]:
    """Add when each sentence of the written text is heard, where the clip is ready."""
    if audio["duration_ms"] is None:
        return audio
    return audio | {"cues": _cues(text, audio["duration_ms"])}


@lru_cache(maxsize=1024)
def _cues(text: str, duration_ms: int) -> tuple[dict[str, int], ...]:
    """Computed rather than stored: text and duration, which are kept with the clip, give them exactly."""
    return tuple(
        {
            "start_ms": cue.start_ms,
            "end_ms": cue.end_ms,
            "start": cue.first_char,
            "end": cue.last_char + 1,
        }
        for cue in cues(text, duration_ms)
    )


def playlist(journey: Journey, voice: str) -> dict[str, Any]:
    """The live version of a journey in this voice, as the public contract has it. Two queries."""
    # One statement reads all texts: a version that goes live meanwhile is either whole in it or not at all.
    entries = journey_entries(journey)
    # The words were read first: a rendition takes over once it says all words that are live at that moment.
    with fixed_renditions():
        speeches = {entry.pk: entry.revision.speech(voice) for entry in entries}
    clips = Clip.objects.defer("waveform").in_bulk(
        [speech.content_hash for speech in speeches.values()], field_name="content_hash"
    )
    told: dict[str, Any] = {
        "voice": voice,
        "voices": list(conf().listener_voices),
        "journey": journey.slug,
        "language": journey.language,
        "dir": journey.direction,
        "narratives": [],
        "system": {},
    }
    for entry in entries:
        speech, text = speeches[entry.pk], entry.revision.text
        audio = with_cues(described_audio(speech, clips.get(speech.content_hash)), text)
        if entry.is_system:
            told["system"][entry.slug] = {"text": text, "audio": audio}
        else:
            told["narratives"].append(_place_and_words(entry) | {"audio": audio})
    return told


def _place_and_words(entry: PublicationEntry) -> dict[str, Any]:
    return {
        "id": entry.narrative_id,
        "kind": entry.kind,
        "position": entry.position,
        "title": entry.revision.title,
        "text": entry.revision.text,
    }
