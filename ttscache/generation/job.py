"""GenerationJob: everything that is known about a clip that has to be made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ttscache.speech import SpeechRequest

PARTS_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class GenerationJob:
    """A clip to make. Equal content hashes are one job, whoever asks.

    `parts_at_once` bounds the provider calls for a text that is too long for one. `made_ahead`: no listener
    has asked for it. `newer_than`: a clip that is there is made again unless it is newer than this; it plays
    until the new one is kept, and stays where that fails. `is_on_record`: the caller has just touched the
    clip's row, so it is there and no prune takes it meanwhile.
    """

    request: SpeechRequest
    content_type: str
    parts_at_once: int = PARTS_AT_ONCE
    made_ahead: bool = False
    newer_than: datetime | None = None
    is_on_record: bool = False

    @property
    def content_hash(self) -> str:
        return self.request.content_hash
