"""The lexicon: how words are said that voices get wrong. Written words in, spoken words out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LexiconEntry:
    """Say one word like another, in one voice or, where `voice` is empty, in all."""

    word: str
    say_as: str
    voice: str = ""


@dataclass(frozen=True, slots=True)
class Lexicon:
    """All entries. A voice's own entry for a word comes before the one for all voices."""

    entries: tuple[LexiconEntry, ...] = ()
    _patterns: dict[str, tuple[re.Pattern[str] | None, list[LexiconEntry]]] = field(
        default_factory=dict, compare=False, repr=False
    )

    @classmethod
    def of(cls, entries: Iterable[LexiconEntry]) -> Lexicon:
        return cls(tuple(entries))

    def spoken(self, text: str, voice: str = "") -> str:
        """The text as this voice is to say it; without a voice, as those without entries of their own do.

        Whole words only, whatever their case; what was replaced is not looked at again.
        """
        pattern, entries = self._pattern(voice)
        if pattern is None:
            return text
        return pattern.sub(lambda found: entries[(found.lastindex or 1) - 1].say_as, text)

    def _pattern(self, voice: str) -> tuple[re.Pattern[str] | None, list[LexiconEntry]]:
        if voice not in self._patterns:
            entries = [entry for entry in self.entries if entry.voice in ("", voice)]
            # A voice's own first, then the longest: the first alternative that matches is taken.
            entries.sort(key=lambda entry: (-len(entry.word), not entry.voice))
            words = "|".join(f"({re.escape(entry.word)})" for entry in entries)
            pattern = re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE) if entries else None
            self._patterns[voice] = pattern, entries
        return self._patterns[voice]

    def spoken_forms(self, text: str, voices: Iterable[str]) -> tuple[str, dict[str, str]]:
        """As most voices say it; and, for each voice that differs, as that one does."""
        general = self.spoken(text)
        own = {voice: self.spoken(text, voice) for voice in voices}
        return general, {voice: spoken for voice, spoken in own.items() if spoken != general}
