"""The list prices of all models: what TTS_PRICES does not replace.

It imports no models, so that settings can read it before Django's apps are loaded.
"""

from __future__ import annotations

from dataclasses import dataclass

from ttscache.speech import EMBEDDED_MODEL
from ttscache.token_usage import TokenUsage


@dataclass(frozen=True, kw_only=True, slots=True)
class Price:
    """A price in US dollars, by the text's characters or by the seconds of sound."""

    per_million_characters: float = 0.0
    per_second: float = 0.0

    def usd(self, characters: int, seconds: float) -> float:
        return characters * self.per_million_characters / 1e6 + seconds * self.per_second


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenPrice:
    """US dollars for a million tokens, which are micro-dollars for one token.

    Input that the provider has cached may cost less; we count it in full.
    """

    text_in: float
    text_out: float
    audio_out: float

    def usd(self, usage: TokenUsage) -> float:
        return self.microusd(usage) / 1e6

    def microusd(self, usage: TokenUsage) -> float:
        return (
            usage.text_in * self.text_in + usage.text_out * self.text_out + usage.audio_out * self.audio_out
        )


# https://platform.openai.com/docs/pricing
LIST_PRICES = {
    "tts-1": Price(per_million_characters=15.0),
    "tts-1-hd": Price(per_million_characters=30.0),
    "gpt-4o-mini-tts": Price(per_second=0.00025),
    EMBEDDED_MODEL: Price(),
}
TOKEN_PRICES = {
    "gpt-realtime-2.1-mini": TokenPrice(text_in=0.60, text_out=2.40, audio_out=20.0),
    "gpt-6-luna": TokenPrice(text_in=0.10, text_out=0.50, audio_out=0.0),  # writes the reflections
}
