"""SpeechRequest: text, voice, model, format and speed, and the content hash made of them."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass

from ttscache.errors import BadText, EmptyText

MOST_CHARACTERS_OF_A_CALL = 4_096  # at OpenAI; longer texts are made in parts
LEGACY_MODEL = "tts-1-hd"
EMBEDDED_MODEL = "embedded"

# https://platform.openai.com/docs/guides/text-to-speech#voice-options
OPENAI_VOICES = (
    "alloy", "ash", "ballad", "cedar", "coral", "echo", "fable",
    "marin", "nova", "onyx", "sage", "shimmer", "verse",
)  # fmt: skip

# https://platform.openai.com/docs/guides/realtime-conversations#voice-options
REALTIME_VOICES = (
    "alloy", "ash", "ballad", "cedar", "coral", "echo", "marin", "sage", "shimmer", "verse",
)  # fmt: skip
# The Realtime voices that play the listener voices of these names, which the Realtime API does not have.
REALTIME_NAMESAKES = {"nova": "marin", "onyx": "cedar"}

# Only such a voice may use the legacy hash: with an underscore in it, two requests could share a key.
_PLAIN_VOICE = re.compile(r"[A-Za-z0-9-]+")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # PostgreSQL takes no NUL, UTF-8 no lone surrogate


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeechRequest:
    """A text and the way to speak it. Equal requests share one clip.

    The key is that of the text exactly as given; the voice gets it composed and without invisible characters.
    Raises EmptyText, or BadText for
    characters that the database cannot hold.
    """

    text: str
    voice: str
    model: str
    audio_format: str = "mp3"
    speed: float = 1.0
    instructions: str = ""

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise EmptyText
        if not (is_storable(self.text) and is_storable(self.instructions)):
            raise BadText

    @property
    def is_legacy_rendition(self) -> bool:
        """Whether databases of the earlier system may hold this clip, under md5(text + "_" + voice)."""
        return (
            self.model == LEGACY_MODEL
            and self.audio_format == "mp3"
            and self.speed == 1
            and not self.instructions
            and _PLAIN_VOICE.fullmatch(self.voice) is not None
        )

    @property
    def content_hash(self) -> str:
        """32 hexadecimal digits, equal only for equal requests.

        Never change either form: it is the key of every stored clip, also of adopted databases.
        """
        if self.is_legacy_rendition:
            return _md5_hex(f"{self.text}_{self.voice}")
        rendition = {name: getattr(self, name) for name in self.__slots__}
        rendition["speed"] = repr(float(self.speed))  # 1 and 1.0 are one speed
        return _md5_hex(json.dumps(rendition, sort_keys=True))


@dataclass(frozen=True, slots=True)
class ClipSpec:
    """A clip to make ahead. Figures count it under its `content_type`."""

    speech: SpeechRequest
    content_type: str


@dataclass(frozen=True, kw_only=True, slots=True)
class VoiceRendition:
    """A SpeechRequest without its text, plus the provider.

    `voice` is the provider's name of the voice. A listener voice is a role that renditions play.
    """

    provider: str
    model: str
    voice: str
    audio_format: str = "mp3"
    speed: float = 1.0
    instructions: str = ""

    def request(self, text: str) -> SpeechRequest:
        """Request this text in this rendition. Raises EmptyText or BadText."""
        return SpeechRequest(
            text=text,
            voice=self.voice,
            model=self.model,
            audio_format=self.audio_format,
            speed=self.speed,
            instructions=self.instructions,
        )


def is_storable(text: object) -> bool:
    """Whether this is a text that the database can hold."""
    return isinstance(text, str) and _UNSTORABLE.search(text) is None


def is_realtime(model: str) -> bool:
    """Whether a model speaks through the Realtime API; all others use /v1/audio/speech."""
    return model.startswith("gpt-realtime")


def _md5_hex(words: str) -> str:
    # MD5 because the earlier system used it. It is a name here and protects nothing.
    return hashlib.md5(words.encode(), usedforsecurity=False).hexdigest()
