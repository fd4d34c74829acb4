"""Choices of settings, list prices, and targets for the hit rate.

It imports no models, so that settings can read it before Django's apps are loaded.
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
    """A price in US dollars, by the text's characters or by the seconds of sound."""

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

# The share of requests that should be hits. A person's own words are always new, so they have no target.
HIT_RATE_TARGETS = {"narrative": 0.999, "question": 0.95, "analysis": 0.6}
