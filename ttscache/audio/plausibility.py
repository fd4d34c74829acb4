"""Checks that a clip's length suits its text."""

from __future__ import annotations

from ttscache.errors import BrokenAudio

# Letters and digits a second. Narration has 9 to 26 characters a second, four in five of them letters. A
# short text has no pauses, so some of its letters are not counted and some seconds are added.
_FASTEST_PACE = 22.0
_FREE_LETTERS = 12
_SLOWEST_PACE = 3.0
_FREE_SECONDS = 10.0
_LETTERS_PER_SIGN = 8  # "77%" is spoken as "seventy-seven percent"


def check_duration(duration_ms: int, text: str, speed: float = 1.0) -> None:
    """Raise BrokenAudio for a length that is far too short, or absurdly long, for this text.

    `speed` is the requested one; 1 is the voice's own.
    """
    letters = sum(map(str.isalnum, text))
    shortest = max(0, letters - _FREE_LETTERS) / (_FASTEST_PACE * max(1.0, speed))
    longest = longest_seconds(text, speed)
    seconds = duration_ms / 1000
    if not shortest <= seconds <= longest:
        raise BrokenAudio(f"{seconds:.2f} s, expected {shortest:.2f} to {longest:.2f} s")


def longest_seconds(text: str, speed: float = 1.0) -> float:
    """The longest that a clip of this text may be; a longer one is broken."""
    spelled_out = sum(1 if char.isalpha() else _LETTERS_PER_SIGN for char in text if not char.isspace())
    return _FREE_SECONDS + spelled_out / (_SLOWEST_PACE * min(1.0, speed))
