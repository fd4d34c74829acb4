"""Small requests and whole clips for tests."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from ttscache import audio
from ttscache.maintenance.archive_file import ArchivedClip, ArchiveHead, ArchiveWriter, ClipDescription
from ttscache.speech import SpeechRequest
from ttscache.tiers import Entry, checksum_of

KEY = "0123456789abcdef0123456789abcdef"
OTHER = "f" * 32
TEXT = "What place from your childhood comes to mind?"


def speech(text: str = TEXT, voice: str = "nova", model: str = "tts-1-hd") -> SpeechRequest:
    return SpeechRequest(text=text, voice=voice, model=model, audio_format="pcm")


def hum(seconds: float, level: int = 6_000) -> bytes:
    """Raw PCM that is not silent: a square wave."""
    period = audio.PCM_RATE // 200
    wave = b"".join(
        (level if place < period // 2 else -level).to_bytes(2, "little", signed=True)
        for place in range(period)
    )
    return (wave * round(seconds * 200))[: round(seconds * audio.PCM_RATE) * 2]


def spoken(request: SpeechRequest) -> bytes:
    """A whole clip for this text, at fifteen characters a second."""
    return hum(max(0.5, len(request.text) / 15))


def entry(content_hash: str = KEY, sound: bytes = b"sound", **fields: object) -> Entry:
    given: dict[str, object] = {
        "content_hash": content_hash,
        "audio": sound,
        "audio_format": "mp3",
        "checksum": checksum_of(sound),
        "duration_ms": 1_000,
        "content_type": "question",
        "voice": "nova",
        "model": "tts-1-hd",
        "characters": 40,
        "waveform": b"\x01\x02",
    }
    return Entry(**(given | fields))  # type: ignore[arg-type]


def archived_clip(text: str = TEXT, sound: bytes = b"", **fields: object) -> ArchivedClip:
    """A clip as an archive holds it. Its bytes need not be real sound."""
    request = speech(text)
    sound = sound or f"the sound of {request.content_hash}".encode()
    given: dict[str, object] = {
        "content_hash": request.content_hash,
        "text": request.text,
        "voice": request.voice,
        "model": request.model,
        "audio_format": request.audio_format,
        "speed": request.speed,
        "instructions": request.instructions,
        "content_type": "question",
        "is_shareable": False,
        "made_ahead": True,
        "created_at": datetime(2026, 3, 1, 12, 30, 0, 5, tzinfo=UTC),
        "last_accessed_at": datetime(2026, 11, 1, tzinfo=UTC),
        "adopted_at": None,
        "duration_ms": 1_000,
        "loudness_dbfs": -20.5,
        "waveform": b"\x01\xff",
        "size": len(sound),
        "checksum": checksum_of(sound),
    }
    return ArchivedClip(ClipDescription(**(given | fields)), sound)  # type: ignore[arg-type]


def write_archive(file: Path, clips: Iterable[ArchivedClip], *, source: str = "elsewhere") -> None:
    """Write a file as `export_clips` of another site would."""
    ordered = sorted(clips, key=lambda clip: clip.content_hash)
    with file.open("wb") as stream:
        writer = ArchiveWriter(stream)
        writer.begin(ArchiveHead(len(ordered), source))
        for clip in ordered:
            writer.add(clip)
        writer.end(len(ordered))
