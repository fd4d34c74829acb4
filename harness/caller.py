"""Caller: calls the service over HTTP. Also makes texts that nobody has used before."""

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
    """A sentence of `words` words, plus a random number that makes it new."""
    return f"{' '.join(islice(cycle(_WORDS), words))} {uuid.uuid4().hex}."


def long_phrase() -> str:
    """A new text so long that a clip of half of it is clearly too short."""
    return phrase(60)


def hash_of(text: str, voice: str = "nova") -> str:
    """The content hash of tts-1-hd, mp3, speed 1, computed without the product's code."""
    return hashlib.md5(f"{text}_{voice}".encode()).hexdigest()


def sound_of(text: str, voice: str = "nova") -> bytes:
    """The whole clip of the stand-in provider for this text, byte for byte."""
    return sound.spoken_clip(text, voice, "mp3", 1.0, "tts-1-hd|")


@dataclass(frozen=True)
class Caller:
    """A caller with a token, or a stranger without one."""

    site: Site
    token: str = field(default="", repr=False)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def say(self, text: object, voice: str = "nova", **more: Any) -> Response:
        """POST /api/text-to-speech and read the whole answer."""
        return self.post("/api/text-to-speech", {"text": text, "voice": voice, **more})

    def start_saying(self, text: str, voice: str = "nova") -> Stream:
        """POST /api/text-to-speech and read the answer as it arrives."""
        body = {"text": text, "voice": voice}
        return http.stream_json(f"{self.site.url}/api/text-to-speech", body, self.headers, timeout_seconds=90)

    def post(self, path: str, content: object) -> Response:
        return http.post_json(f"{self.site.url}{path}", content, self.headers, timeout_seconds=90)

    def get(self, path: str, **headers: str) -> Response:
        """GET a path. Write header names with underscores: If_Range."""
        return self.ask("GET", path, None, **headers)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return http.request(method, f"{self.site.url}{path}", self.headers | named, body, timeout_seconds=90)

    def start_clip(self, content_hash: str) -> Stream:
        """GET a clip and read it as it arrives."""
        return http.stream(
            f"{self.site.url}{clip_path(content_hash)}", headers=self.headers, timeout_seconds=90
        )

    def clip(self, content_hash: str, **headers: str) -> Response:
        return self.get(clip_path(content_hash), **headers)

    def narratives(self, voice: str = "nova") -> Any:
        return self.get(f"/api/narratives?voice={voice}").json()

    def audio(self, voice: str = "nova") -> list[Any]:
        """The `audio` objects of all published clips of this voice."""
        listed = self.narratives(voice)
        return [item["audio"] for item in [*listed["narratives"], *listed["system"].values()]]

    def by_tier(self) -> dict[str, int]:
        counted: dict[str, int] = self.get("/api/cache-stats").json()["by_tier"]
        return counted


def clip_path(content_hash: str) -> str:
    return f"/api/audio/{content_hash}.mp3"


def whole_body(stream: Stream) -> bytes:
    """Read the rest of a stream. Raises BrokenTransfer if it is cut."""
    return b"".join(piece for _, piece in stream)
