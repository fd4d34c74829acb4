"""Token usage and prices, for providers that charge by tokens."""

from __future__ import annotations

from dataclasses import dataclass

# One for each 50 ms of generated speech: https://platform.openai.com/docs/guides/realtime-costs
AUDIO_TOKENS_A_SECOND = 20
CHARACTERS_A_TOKEN = 4  # about, in English
MOST_TOKENS_AROUND = 50  # of the message around the text: its role, its beginning and its end


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenUsage:
    """Tokens of one response. `is_estimate`: the call ended before the provider reported them."""

    text_in: int = 0
    text_out: int = 0
    audio_out: int = 0
    is_estimate: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenPrice:
    """US dollars for a million tokens, which are micro-dollars for one token.

    Input that the provider has cached may cost less; we count it in full. The prices below are those of
    https://platform.openai.com/docs/pricing.
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


TOKEN_PRICES = {
    "gpt-realtime-2.1-mini": TokenPrice(text_in=0.60, text_out=2.40, audio_out=20.0),
    "gpt-6-luna": TokenPrice(text_in=0.10, text_out=0.50, audio_out=0.0),  # writes the reflections
}


def text_tokens(text: str) -> int:
    return -(-len(text) // CHARACTERS_A_TOKEN)


def most_text_tokens(text: str) -> int:
    """The most tokens of a text: a token has at least one byte. Non-Latin letters take one or more each."""
    return len(text.encode()) + MOST_TOKENS_AROUND


def audio_tokens(seconds: float) -> int:
    return -int(-seconds * AUDIO_TOKENS_A_SECOND // 1)
