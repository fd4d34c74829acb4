"""Caller: someone who talks to the service over HTTP; and words that nobody has said before."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any

from harness import http
from harness.http import Response, Stream
from harness.site import Site
from harness.speech_api import sound

_WORDS = (
    "garden", "kitchen", "morning", "holiday", "brother", "letters", "harbour", "journey",
    "winter", "neighbour", "orchard", "wedding", "railway", "summer", "teacher", "village",
)  # fmt: skip


def phrase(words: int = 8) -> str:
    """A sentence of so many words, and of a number that makes it new."""
    return f"{' '.join(islice(cycle(_WORDS), words))} {uuid.uuid4().hex}."


def long_phrase() -> str:
    """So long that half of it, said, is plainly not all of it."""
    return phrase(60)


def hash_of(text: str, voice: str = "nova") -> str:
    """The content hash of tts-1-hd, mp3, speed 1, as the contract gives it."""
    return hashlib.md5(f"{text}_{voice}".encode()).hexdigest()


def sound_of(text: str, voice: str = "nova") -> bytes:
    """What the harness's provider says for it: the whole clip, byte for byte."""
    return sound.spoken_clip(text, voice, "mp3", 1.0, "tts-1-hd|")


@dataclass(frozen=True)
class Caller:
    """With a token, or a stranger without."""

    site: Site
    token: str = field(default="", repr=False)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def say(self, text: object, voice: str = "nova", **more: Any) -> Response:
        """POST /api/text-to-speech; the whole answer."""
        return self.post("/api/text-to-speech", {"text": text, "voice": voice, **more})

    def start_saying(self, text: str, voice: str = "nova") -> Stream:
        """The same, read as it arrives."""
        body = {"text": text, "voice": voice}
        return http.stream_json(f"{self.site.url}/api/text-to-speech", body, self.headers, timeout_seconds=90)

    def post(self, path: str, content: object) -> Response:
        return http.post_json(f"{self.site.url}{path}", content, self.headers, timeout_seconds=90)

    def get(self, path: str, **headers: str) -> Response:
        """Header names as Python writes them: If_Range."""
        return self.ask("GET", path, None, **headers)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return http.request(method, f"{self.site.url}{path}", self.headers | named, body, timeout_seconds=90)

    def start_clip(self, content_hash: str) -> Stream:
        """GET of a clip, read as it arrives."""
        return http.stream(
            f"{self.site.url}{clip_path(content_hash)}", headers=self.headers, timeout_seconds=90
        )

    def clip(self, content_hash: str, **headers: str) -> Response:
        return self.get(clip_path(content_hash), **headers)

    def narratives(self, voice: str = "nova") -> Any:
        return self.get(f"/api/narratives?voice={voice}").json()

    def audio(self, voice: str = "nova") -> list[Any]:
        """What a front end has to know to play each published clip of this voice."""
        listed = self.narratives(voice)
        return [item["audio"] for item in [*listed["narratives"], *listed["system"].values()]]

    def by_tier(self) -> dict[str, int]:
        counted: dict[str, int] = self.get("/api/cache-stats").json()["by_tier"]
        return counted


def clip_path(content_hash: str) -> str:
    return f"/api/audio/{content_hash}.mp3"


def whole_body(stream: Stream) -> bytes:
    """What is still to come of it. Raises BrokenTransfer where it is cut."""
    return b"".join(piece for _, piece in stream)
