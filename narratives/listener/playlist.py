"""A live journey as front ends get it: the words, and where their sound is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from narratives.models import Journey, Narrative, PublicationEntry, share_lexicon
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
    content_hash, audio_format = speech.content_hash, speech.audio_format
    if clip is None:
        return audio_fields(audio_format, audio_path(content_hash, audio_format), content_hash=content_hash)
    address, is_ready = published_address(clip), clip.is_ready
    return audio_fields(
        audio_format,
        address,
        content_hash=content_hash,
        is_ready=is_ready,
        duration_ms=clip.duration_ms if is_ready else None,
        size=clip.audio_file_size if is_ready else None,
    )


def audio_fields(
    audio_format: str,
    url: str | None = None,
    *,
    content_hash: str | None = None,
    is_ready: bool = False,
    duration_ms: int | None = None,
    size: int | None = None,
) -> dict[str, Any]:
    """The `audio` of the public contract. Without `url`, the words are shown and cannot be heard."""
    return {
        "url": url,
        "content_hash": content_hash,
        "ready": is_ready,
        "duration_ms": duration_ms,
        "bytes": size,
        "content_type": FORMATS[audio_format].media_type,
    }


def with_cues(audio: dict[str, Any], text: str) -> dict[str, Any]:
    """Add when each sentence of the written text is heard, where the clip is ready."""
    if audio["duration_ms"] is None:
        return audio
    return audio | {"cues": _remembered_cues(text, audio["duration_ms"])}


def cue_fields(text: str, duration_ms: int) -> tuple[dict[str, int], ...]:
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


_remembered_cues = lru_cache(maxsize=1024)(cue_fields)


def playlist(journey: Journey, voice: str) -> dict[str, Any]:
    """The live version of a journey in this voice, as the public contract has it. Two queries."""
    # One statement reads all texts: a version that goes live meanwhile is either whole in it or not at all.
    entries = journey_entries(journey)
    # The words were read first: a rendition takes over once it says all words that are live at that moment.
    with fixed_renditions():
        listed = [Listed.of_entry(entry, voice) for entry in entries]
    return _told(journey, voice, listed, described_audio)


def draft_playlist(journey: Journey, drafts: Iterable[Narrative], voice: str) -> dict[str, Any]:
    """The drafts of a journey in the same form. A clip that does not exist has no address: none is made."""
    with fixed_renditions():
        listed = [Listed.of_draft(draft, voice) for draft in share_lexicon(drafts)]
    return _told(journey, voice, listed, _existing_audio)


@dataclass(frozen=True, slots=True)
class Listed:
    """One text of a playlist: where it is, its words, and the request for its sound."""

    id: int
    kind: str
    position: int
    slug: str
    title: str
    text: str
    speech: SpeechRequest

    @classmethod
    def of_entry(cls, entry: PublicationEntry, voice: str) -> Listed:
        said = entry.revision
        place = (entry.narrative_id, entry.kind, entry.position, entry.slug)
        return cls(*place, said.title, said.text, said.speech(voice))

    @classmethod
    def of_draft(cls, draft: Narrative, voice: str) -> Listed:
        place = (draft.pk, draft.kind, draft.position, draft.slug)
        return cls(*place, draft.title, draft.text, draft.draft_speech(voice))


def _existing_audio(speech: SpeechRequest, clip: Clip | None) -> dict[str, Any]:
    audio = described_audio(speech, clip)
    return audio if audio["ready"] else audio | {"url": None}


def _told(
    journey: Journey,
    voice: str,
    listed: Sequence[Listed],
    described: Callable[[SpeechRequest, Clip | None], dict[str, Any]],
) -> dict[str, Any]:
    clips = Clip.objects.defer("waveform").in_bulk(
        [each.speech.content_hash for each in listed], field_name="content_hash"
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
    for each in listed:
        audio = with_cues(described(each.speech, clips.get(each.speech.content_hash)), each.text)
        if each.kind == Narrative.Kind.SYSTEM:
            told["system"][each.slug] = {"text": each.text, "audio": audio}
        else:
            place = {"id": each.id, "kind": each.kind, "position": each.position}
            told["narratives"].append({**place, "title": each.title, "text": each.text, "audio": audio})
    return told
