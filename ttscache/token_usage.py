"""The tokens of a response, for providers that charge by them. Their prices stand in price_list.py."""

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


def text_tokens(text: str) -> int:
    return -(-len(text) // CHARACTERS_A_TOKEN)


def most_text_tokens(text: str) -> int:
    """The most tokens of a text: a token has at least one byte. Non-Latin letters take one or more each."""
    return len(text.encode()) + MOST_TOKENS_AROUND


def audio_tokens(seconds: float) -> int:
    return -int(-seconds * AUDIO_TOKENS_A_SECOND // 1)
