"""The lexicon: turn written words that voices mispronounce into words they say right.

Words are found in the form in which they are compared: in any case, with a typographic or a plain apostrophe,
composed or not. A word begins and ends between whole characters: a combining mark belongs to its letter.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ttscache.text.plain_text import comparable_word, searchable
from ttscache.text.segmentation import grapheme_clusters, word_bounds


@dataclass(frozen=True, slots=True)
class LexiconEntry:
    """Say `word` as `say_as`, in one voice or, if `voice` is empty, in all."""

    word: str
    say_as: str
    voice: str = ""


@dataclass(frozen=True, slots=True)
class Lexicon:
    """All entries. An entry for one voice overrides the entry for all voices."""

    entries: tuple[LexiconEntry, ...] = ()
    _sought: dict[str, _Sought] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, entries: Iterable[LexiconEntry]) -> Lexicon:
        return cls(tuple(entries))

    def spoken(self, text: str, voice: str = "") -> str:
        """The text as this voice says it; without a voice, only entries for all voices apply.

        Replaces whole words, once: a replacement is not replaced again.
        """
        if not self.entries:
            return text
        if voice not in self._sought:
            self._sought[voice] = _Sought([entry for entry in self.entries if entry.voice in ("", voice)])
        return self._sought[voice].replaced_in(text)

    def spoken_forms(self, text: str, voices: Iterable[str]) -> tuple[str, dict[str, str]]:
        """The text as most voices say it, and a dict of the voices that say it differently."""
        general = self.spoken(text)
        own = {voice: self.spoken(text, voice) for voice in voices}
        return general, {voice: spoken for voice, spoken in own.items() if spoken != general}


class _Sought:
    """The entries that apply to one voice, by the first character of their word."""

    def __init__(self, entries: Sequence[LexiconEntry]) -> None:
        self._by_first: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        words = [(comparable_word(entry.word), entry) for entry in entries]
        # The first that fits is taken: the longest word, then a voice's own entry.
        for word, entry in sorted(words, key=lambda each: (-len(each[0]), not each[1].voice)):
            if word:
                self._by_first[word[0]].append((word, entry.say_as))

    def replaced_in(self, text: str) -> str:
        folded = searchable(text)
        # Most texts have none of the words, and this is a tenth of the work.
        if not any(word in folded for words in self._by_first.values() for word, _ in words):
            return text
        return self._replaced_in(_Folded(text))

    def _replaced_in(self, text: _Folded) -> str:
        said, place, told = [], 0, 0  # `told`: how much of the original is in `said`
        while place < len(text.folded):
            found = self._found_at(text, place)
            if found is None:
                place += 1
                continue
            word, say_as = found
            said += [text.original[told : text.begins[place]], say_as]
            place += len(word)
            told = text.begins[place]
        return "".join([*said, text.original[told:]])

    def _found_at(self, text: _Folded, place: int) -> tuple[str, str] | None:
        if place not in text.word_bounds:
            return None
        return next(
            (
                (word, say_as)
                for word, say_as in self._by_first.get(text.folded[place], ())
                if text.folded.startswith(word, place) and place + len(word) in text.word_bounds
            ),
            None,
        )


class _Folded:
    """A text as it is compared, and where each of its characters begins in the original."""

    def __init__(self, text: str) -> None:
        self.original = text
        self.begins: dict[int, int] = {}
        self.word_bounds: set[int] = set()
        pieces: list[str] = []
        by_unicode = set(word_bounds(text))
        length = place = 0
        before = ""
        for cluster in [*grapheme_clusters(text), ""]:
            folded = searchable(cluster)
            if not folded and cluster:  # an invisible character separates nothing
                place += len(cluster)
                continue
            # Two rules, because people write "Siobhan's" and "東京に". By Unicode's rule the first is one
            # word, and by the usual rule the second.
            if _is_between_words(before, cluster) or (
                place in by_unicode and not _needs_dictionary(before, cluster)
            ):
                self.word_bounds.add(length)
            self.begins[length] = place
            pieces.append(folded)
            length, place, before = length + len(folded), place + len(cluster), cluster
        self.folded = "".join(pieces)


def _is_between_words(before: str, after: str) -> bool:
    return not (_is_of_word(before) and _is_of_word(after))


def _is_of_word(cluster: str) -> bool:
    return cluster[:1].isalnum() or cluster[:1] == "_"


# Thai, Lao, Burmese and Khmer have no spaces, and only a dictionary could tell their words apart: there a
# word is found between spaces, marks and zero-width spaces.
_UNSEPARATED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\ua9e0-\ua9ff\uaa60-\uaadf]"
)


def _needs_dictionary(before: str, after: str) -> bool:
    return bool(_UNSEPARATED.match(before) and _UNSEPARATED.match(after))
