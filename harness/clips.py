"""Requests and whole clips, as small as a test needs them."""

from __future__ import annotations

from ttscache import audio
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
    """A whole clip for these words, at fifteen characters a second."""
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
