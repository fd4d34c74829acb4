"""Bill: the provider's own count of tokens and their cost."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass

AUDIO_TOKENS_A_SECOND = 20  # one for each 50 ms of sound
CHARACTERS_A_TOKEN = 4

# US dollars for a million tokens.
TEXT_IN, TEXT_OUT, AUDIO_OUT = 0.60, 2.40, 20.0


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """The tokens of one response."""

    text_in: int = 0
    text_out: int = 0
    audio_out: int = 0

    @property
    def microusd(self) -> float:
        """The cost in micro-dollars: US dollars for a million tokens are micro-dollars for one."""
        return self.text_in * TEXT_IN + self.text_out * TEXT_OUT + self.audio_out * AUDIO_OUT

    def as_usage(self) -> dict[str, object]:
        return {
            "total_tokens": self.text_in + self.text_out + self.audio_out,
            "input_tokens": self.text_in,
            "output_tokens": self.text_out + self.audio_out,
            "input_token_details": {"text_tokens": self.text_in, "audio_tokens": 0, "cached_tokens": 0},
            "output_token_details": {"text_tokens": self.text_out, "audio_tokens": self.audio_out},
        }


def billed_text_tokens(text: str) -> int:
    return -(-len(text) // CHARACTERS_A_TOKEN)


def billed_audio_tokens(pcm_bytes: int) -> int:
    """The tokens of s16le samples at 24 kHz."""
    return -(-pcm_bytes * AUDIO_TOKENS_A_SECOND // 48_000)


class Bill:
    """All responses since the start or the last clear()."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._responses: list[Tokens] = []
        self._sessions = 0

    def count_session(self) -> None:
        with self._lock:
            self._sessions += 1

    def add(self, tokens: Tokens) -> None:
        with self._lock:
            self._responses.append(tokens)

    def clear(self) -> None:
        with self._lock:
            self._responses.clear()
            self._sessions = 0

    def as_json(self) -> dict[str, object]:
        with self._lock:
            responses = list(self._responses)
        return {
            "microusd": round(sum(tokens.microusd for tokens in responses), 3),
            "responses": [asdict(tokens) for tokens in responses],
            "sessions": self._sessions,
        }
