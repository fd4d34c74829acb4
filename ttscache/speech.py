"""SpeechRequest: words, voice, model, format, speed; and the content hash they share."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass

from ttscache.errors import BadText, EmptyText

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
# Who plays a listener voice that has no namesake among the Realtime voices.
REALTIME_NAMESAKES = {"nova": "marin", "onyx": "cedar"}

# A voice like this cannot be confused with the end of a text, nor its key with the key of a JSON form.
_PLAIN_VOICE = re.compile(r"[A-Za-z0-9-]+")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # PostgreSQL takes no NUL, UTF-8 no lone surrogate


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeechRequest:
    """Words plus the way to say them. Equal requests share one clip.

    The text is used exactly as given, for the key and for the voice. Raises EmptyText or BadText for words
    that no tier could hold and no voice could say.
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
        if _UNSTORABLE.search(self.text) or _UNSTORABLE.search(self.instructions):
            raise BadText

    @property
    def is_legacy_rendition(self) -> bool:
        """Whether databases of the earlier system may hold this clip under md5(text_voice)."""
        return (
            self.model == LEGACY_MODEL
            and self.audio_format == "mp3"
            and self.speed == 1
            and not self.instructions
            and _PLAIN_VOICE.fullmatch(self.voice) is not None
        )

    @property
    def content_hash(self) -> str:
        """32 hexadecimal digits: the same for equal requests, different for all others."""
        if self.is_legacy_rendition:
            return _md5_hex(f"{self.text}_{self.voice}")
        rendition = asdict(self) | {"speed": repr(float(self.speed))}  # 1 and 1.0 are one speed
        return _md5_hex(json.dumps(rendition, sort_keys=True))


@dataclass(frozen=True, slots=True)
class ClipSpec:
    """A clip to make ahead: what it says and how, and the kind of text that it is counted under."""

    speech: SpeechRequest
    content_type: str


@dataclass(frozen=True, kw_only=True, slots=True)
class VoiceRendition:
    """Who says a text, and how: everything of a SpeechRequest but the words, and who provides it.

    `voice` is the provider's name of the voice. A listener voice is a role; its renditions play it.
    """

    provider: str
    model: str
    voice: str
    audio_format: str = "mp3"
    speed: float = 1.0
    instructions: str = ""

    def request(self, text: str) -> SpeechRequest:
        """This text, said in this way. Raises EmptyText or BadText."""
        return SpeechRequest(
            text=text,
            voice=self.voice,
            model=self.model,
            audio_format=self.audio_format,
            speed=self.speed,
            instructions=self.instructions,
        )


def is_realtime(model: str) -> bool:
    """Whether a model speaks through the Realtime API; all others have /v1/audio/speech."""
    return model.startswith("gpt-realtime")


def _md5_hex(words: str) -> str:
    return hashlib.md5(words.encode(), usedforsecurity=False).hexdigest()
