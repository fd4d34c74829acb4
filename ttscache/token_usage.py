"""What a call used where the provider reckons by tokens, and what that costs."""

from __future__ import annotations

from dataclasses import dataclass

AUDIO_TOKENS_A_SECOND = (
    20  # of speech: one for each 50 ms (https://platform.openai.com/docs/guides/realtime-costs)
)
CHARACTERS_A_TOKEN = 4  # of English text, about
MOST_TOKENS_AROUND = 50  # of the message that holds the text: its role, where it begins and ends


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenUsage:
    """Tokens of one response. `is_estimate`: the call ended before the provider said how many there were."""

    text_in: int = 0
    text_out: int = 0
    audio_out: int = 0
    is_estimate: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenPrice:
    """US dollars for a million tokens, and so micro-dollars for one.

    Input that the provider has cached may cost less; it is reckoned in full.
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
    """A token is at least one byte: letters other than ours may take one token or more each."""
    return len(text.encode()) + MOST_TOKENS_AROUND


def audio_tokens(seconds: float) -> int:
    return -int(-seconds * AUDIO_TOKENS_A_SECOND // 1)
