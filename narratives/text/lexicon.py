"""The lexicon: turn written words that voices mispronounce into words they say right."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field


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
    _patterns: dict[str, tuple[re.Pattern[str] | None, list[LexiconEntry]]] = field(
        default_factory=dict, compare=False, repr=False
    )

    @classmethod
    def of(cls, entries: Iterable[LexiconEntry]) -> Lexicon:
        return cls(tuple(entries))

    def spoken(self, text: str, voice: str = "") -> str:
        """The text as this voice says it; without a voice, only entries for all voices apply.

        Replaces whole words in any case, once: a replacement is not replaced again.
        """
        pattern, entries = self._pattern(voice)
        if pattern is None:
            return text
        return pattern.sub(lambda found: entries[(found.lastindex or 1) - 1].say_as, text)

    def _pattern(self, voice: str) -> tuple[re.Pattern[str] | None, list[LexiconEntry]]:
        if voice not in self._patterns:
            entries = [entry for entry in self.entries if entry.voice in ("", voice)]
            # A regex takes the first alternative that matches: the longest word, then a voice's own entry.
            entries.sort(key=lambda entry: (-len(entry.word), not entry.voice))
            # Not \b: a word may begin or end with a mark, such as "St.".
            words = "|".join(f"({re.escape(entry.word)})" for entry in entries)
            pattern = re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE) if entries else None
            self._patterns[voice] = pattern, entries
        return self._patterns[voice]

    def spoken_forms(self, text: str, voices: Iterable[str]) -> tuple[str, dict[str, str]]:
        """The text as most voices say it, and a dict of the voices that say it differently."""
        general = self.spoken(text)
        own = {voice: self.spoken(text, voice) for voice in voices}
        return general, {voice: spoken for voice, spoken in own.items() if spoken != general}
