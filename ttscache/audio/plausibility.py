"""Checks that a clip's length suits its text."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from ttscache.audio.said import least_letters
from ttscache.errors import BrokenAudio, Fault

# Letters and digits a second. Narration has 9 to 26 characters a second, four in five of them letters. A
# short text has no pauses, so some of its letters are not counted.
_FASTEST_PACE = 22.0
_FREE_LETTERS = 12
# For a clip that may be cut off: the embedded voice says 13 letters a second, others at most a little more.
_FASTEST_PACE_UNMARKED = 15.0
_FREE_LETTERS_UNMARKED = 4

# The longest good clip: measured clips take at most half of this, at each speed.
_SLOWEST_PACE = 4.0
_FREE_SECONDS = 2.5
_DIGIT, _SYMBOL, _MARK, _SPELLED, _LETTER = 8, 16, 2, 3, 1  # "77%" is spoken as "seventy-seven percent"
_FIRST_IDEOGRAPH = "\u2e80"
_WITHIN_WORDS = "'\u2019-\u2010\u2011"

# What a call may cost, or send, before it is given up: far more than any good clip.
_PACE_OF_LIMIT = 3.0
_SECONDS_OF_LIMIT = 10.0
_LETTERS_PER_SIGN = 8


def check_duration(duration_ms: int, text: str, speed: float = 1.0, *, end_is_marked: bool = True) -> None:
    """Raise BrokenAudio for a length that is far too short, or far too long, for this text.

    `speed` is the requested one; 1 is the voice's own. Without `end_is_marked` the clip may be cut off, so
    its length has to suit the text more closely.
    """
    shortest, longest = shortest_seconds(text, speed, end_is_marked=end_is_marked), _too_long(text, speed)
    seconds = duration_ms / 1000
    if not shortest <= seconds <= longest:
        raise BrokenAudio(
            f"{seconds:.2f} s, expected {shortest:.2f} to {longest:.2f} s",
            kind=Fault.PACE,
            is_too_long=seconds > longest,
        )


def shortest_seconds(text: str, speed: float = 1.0, *, end_is_marked: bool = True) -> float:
    """The shortest that a whole clip of this text may be, by a voice that leaves out what nobody says."""
    pace, free = (
        (_FASTEST_PACE, _FREE_LETTERS) if end_is_marked else (_FASTEST_PACE_UNMARKED, _FREE_LETTERS_UNMARKED)
    )
    return max(0, least_letters(text) - free) / (pace * max(1.0, speed))


def longest_seconds(text: str, speed: float = 1.0) -> float:
    """How long a call may speak before it is given up; a clip of this length is broken in any case."""
    spelled_out = sum(1 if char.isalpha() else _LETTERS_PER_SIGN for char in text if not char.isspace())
    return _SECONDS_OF_LIMIT + spelled_out / (_PACE_OF_LIMIT * min(1.0, speed))


def _too_long(text: str, speed: float) -> float:
    """The longest good clip of a voice that says everything, and spells out links and abbreviations."""
    most_letters = sum(weight for word in text.split() for weight in _weights(word))
    return (_FREE_SECONDS + most_letters / _SLOWEST_PACE) / min(1.0, speed)


def _weights(word: str) -> Iterator[int]:
    inner = [char for char in word if char.isalnum() or char not in _WITHIN_WORDS]
    while inner and not inner[-1].isalnum():
        inner.pop()
    while inner and not inner[0].isalnum():
        inner.pop(0)
    is_spelled = not all(map(_is_of_a_word, inner)) or (len(inner) > 1 and word.isupper())
    for char in word:
        match unicodedata.category(char)[0]:
            case "L" | "M":
                is_long = char >= _FIRST_IDEOGRAPH or (is_spelled and char.isalpha())
                yield _SPELLED if is_long else _LETTER
            case "N":
                yield _DIGIT
            case "S":
                yield _SYMBOL
            case "P":
                yield _MARK


def _is_of_a_word(char: str) -> bool:
    return char.isalpha() or unicodedata.category(char)[0] == "M"
