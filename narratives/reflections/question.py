"""Question: what an answer was given to, and what this journey has heard already."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from narratives.models import Pronunciation
from narratives.text.lexicon import Lexicon
from ttscache.conf import conf
from ttscache.renditions.current import request_for
from ttscache.speech import SpeechRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A question in one listener voice. `heard`: content hashes of the clips that this journey has heard."""

    text: str
    theme: str
    language: str
    voice: str
    heard: frozenset[str] = frozenset()
    lexicon: Lexicon = field(default_factory=Pronunciation.objects.lexicon)

    def speech(self, text: str) -> SpeechRequest:
        """Return these words as listeners hear them in this voice."""
        return self._in_voice(text, self.voice)

    def has_heard(self, text: str) -> bool:
        """Whether the journey has heard these words, in whatever voice: listeners may choose another one."""
        if not self.heard:
            return False
        voices: Iterable[str] = dict.fromkeys((self.voice, *conf().listener_voices))
        return any(self._in_voice(text, voice).content_hash in self.heard for voice in voices)

    def _in_voice(self, text: str, voice: str) -> SpeechRequest:
        return request_for(self.lexicon.spoken(text, voice), voice)
