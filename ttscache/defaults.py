"""What a setting may be where it is a choice, list prices, and how often a clip should be a hit.

Pure, so that settings may read it before there are applications.
"""

from __future__ import annotations

from dataclasses import dataclass

from ttscache.speech import EMBEDDED_MODEL

PROVIDERS = ("openai", "embedded")
FALLBACKS = ("none", "embedded")
PERMANENT_TIERS = ("database", "storage")
COMPRESSION_MODES = ("auto", "gzip", "none")
AUDIO_FORMATS = ("mp3", "opus", "aac", "flac", "wav", "pcm")


@dataclass(frozen=True, kw_only=True, slots=True)
class Price:
    """US dollars, by the text's characters or by the seconds of sound."""

    per_million_characters: float = 0.0
    per_second: float = 0.0

    def usd(self, characters: int, seconds: float) -> float:
        return characters * self.per_million_characters / 1e6 + seconds * self.per_second


# https://platform.openai.com/docs/pricing
LIST_PRICES = {
    "tts-1": Price(per_million_characters=15.0),
    "tts-1-hd": Price(per_million_characters=30.0),
    "gpt-4o-mini-tts": Price(per_second=0.00025),
    EMBEDDED_MODEL: Price(),
}

# The share of requests, by kind of text. A person's own words have no target: they are always new.
HIT_RATE_TARGETS = {"narrative": 0.999, "question": 0.95, "analysis": 0.6}
