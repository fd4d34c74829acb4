"""Counts what a voice says of a text at the least. Handles no audio."""

from __future__ import annotations

import re

# Voices leave these out, or say a word for them: links and addresses, markup and stage directions. Of the
# letters of a shout ("Nooo!") one is counted.
_UNSAID = re.compile(
    r"\]\([^()\s]*\)"  # where a Markdown link leads
    r"|<[^<>]{1,500}>|\[[^\[\]]{1,500}\]|\{[^{}]{1,500}\}"  # markup, [laughs]
    r"|&#?\w{1,20};|(?<!\w)#\w+"  # entities, hashtags
)
_HELD = re.compile(r"(\w)\1{2,}", re.IGNORECASE)
_WORD = re.compile(r"\w+")
_LONGEST_PHRASE = 4  # words; a phrase that is repeated counts once
_LONGEST_WORD = 30  # letters; voices say only the beginning of a longer one, such as a key


def least_letters(text: str) -> int:
    """Letters and digits that every voice says, whatever it leaves out."""
    plain = " ".join(part for part in _UNSAID.sub(" ", text).split() if not _is_address(part))
    words = _WORD.findall(_HELD.sub(r"\1", plain).casefold())
    said = (word for place, word in enumerate(words) if not _is_repetition(words, place))
    return sum(min(_LONGEST_WORD, len(word)) if word.isascii() else _letters(word) for word in said)


def _is_address(part: str) -> bool:
    """Whether it is a link or an e-mail address."""
    if "://" in part or part.casefold().startswith("www."):
        return True
    name, at, host = part.partition("@")
    return bool(name and at) and "." in host


def _letters(word: str) -> int:
    return sum(map(str.isalnum, word))


def _is_repetition(words: list[str], place: int) -> bool:
    """Whether the words up to this place repeat the ones right before them."""
    return any(
        words[place + 1 - length : place + 1] == words[place + 1 - 2 * length : place + 1 - length]
        for length in range(1, _LONGEST_PHRASE + 1)
        if place + 1 >= 2 * length
    )
